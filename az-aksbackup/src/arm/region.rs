//! Regions: Azure writes `West Europe` where it once wrote `westeurope`.

use aksbackup_shared::ids::Region;

/// A text in the programmatic form of a region.
pub(crate) fn plain(text: &str) -> String {
    let plain: String = text.chars().filter(|c| *c != ' ').collect();
    plain.to_ascii_lowercase()
}

/// A region in its programmatic form; `None` where the text is none.
pub(crate) fn parse(text: &str) -> Option<Region> {
    plain(text).parse().ok()
}

/// Whether Azure's text names this region.
pub(crate) fn is(text: &str, region: &Region) -> bool {
    parse(text).as_ref() == Some(region)
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn a_region_is_the_same_in_both_spellings() {
        let region = "westeurope".parse().unwrap();
        assert!(is("West Europe", &region) && is("westeurope", &region));
        assert!(!is("North Europe", &region));
    }
}
