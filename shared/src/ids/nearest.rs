//! Which of the known names was meant by one that doesn't exist.

/// Returns the name of `all` that `name` is most probably a typo of: the one that fewest letters tell apart, at most one in four and
/// one more.
#[must_use]
pub fn nearest<'a>(name: &str, all: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + name.chars().count() / 4;
    let near = all.into_iter().map(|own| (distance(name, own), own));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, own)| own)
}

/// How many letters have to be inserted, dropped, replaced, or swapped with the next one to get from one word to the other.
#[must_use]
pub fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (line, from) in one.iter().enumerate() {
        let mut row = vec![line + 1];
        for (column, to) in other.iter().enumerate() {
            let replaced = rows[line][column] + usize::from(from != to);
            let mut least = replaced.min(rows[line][column + 1] + 1).min(row[column] + 1);
            if line > 0 && column > 0 && one[line - 1] == *to && other[column - 1] == *from {
                least = least.min(rows[line - 1][column - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_and_another_word_is_not() {
        let all = ["shop", "database", "web-frontend"];
        let near = |name: &str| nearest(name, all);
        assert_eq!(
            (near("shopp"), near("shp"), near("hsop")),
            (Some("shop"), Some("shop"), Some("shop"))
        );
        assert_eq!(
            (near("databsae"), near("web-frontent")),
            (Some("database"), Some("web-frontend"))
        );
        assert_eq!((near("payments"), near("web"), near("")), (None, None, None));
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
