//! What az itself is set to, from its own files.

use std::path::PathBuf;

/// The cloud that az is set to, from its own configuration file.
pub(crate) fn az_setting() -> Option<String> {
    let text = std::fs::read_to_string(az_folder()?.join("config")).ok()?;
    setting(&text, "cloud", "name").map(str::to_owned)
}

/// The folder of az's configuration.
pub(crate) fn az_folder() -> Option<PathBuf> {
    let own = std::env::var_os("AZURE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    own.map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".azure")))
}

/// `key` of `[section]` in an INI file.
fn setting<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let header = format!("[{section}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(own, _)| own.trim() == key)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::setting;

    #[test]
    fn az_s_setting_is_read_from_its_section() {
        let text = "[defaults]\nname = no\n\n[cloud]\nname = AzureChinaCloud\n[other]\nname=no\n";
        assert_eq!(setting(text, "cloud", "name"), Some("AzureChinaCloud"));
        assert_eq!(setting("[core]\nx = y", "cloud", "name"), None);
    }
}
