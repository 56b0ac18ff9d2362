//! Letters outside ASCII, which names of resource groups can have.

use std::ops::RangeInclusive;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whether .NET's `Char.IsLetterOrDigit` accepts the character, which is Azure's rule for resource groups: the categories of letters and of
/// decimal digits, and nothing beyond the Basic Multilingual Plane, since .NET looks at UTF-16 code units. Source: "Naming rules and
/// restrictions for Azure resources", Microsoft.Resources.
///
/// Invisible letters are refused, because a name with one looks like another name.
pub(super) fn is_letter_or_digit(c: char) -> bool {
    use GeneralCategory::{
        DecimalNumber, LowercaseLetter, ModifierLetter, OtherLetter, TitlecaseLetter, UppercaseLetter,
    };
    let category = get_general_category(c);
    let accepted = matches!(
        category,
        UppercaseLetter | LowercaseLetter | TitlecaseLetter | ModifierLetter | OtherLetter | DecimalNumber
    );
    c.is_ascii_alphanumeric() || (accepted && c <= '\u{ffff}' && !INVISIBLE.contains(&c))
}

/// The fillers of Hangul: letters by their category, and blank.
const INVISIBLE: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];

/// Scripts that share words with Latin letters and don't look like them: Latin with diacritics, and those of East Asia without the single
/// letters of Korean and Bopomofo.
const BESIDE_LATIN: [RangeInclusive<char>; 5] = [
    '\u{c0}'..='\u{17e}',
    '\u{1e00}'..='\u{1eff}',
    '\u{2e80}'..='\u{30ff}',
    '\u{3190}'..='\u{9fff}',
    '\u{ac00}'..='\u{d7a3}',
];

/// What looks like a letter, a digit or a dash of ASCII all the same: letters without their dot or stroke, and simple strokes.
const ALIKE: &str = "ıĸŀĿłŁđĐħĦŧŦøØẛẜẝ一丨丶丿乙亅〇ーノへヘりリ工エ丁十口ロ二ニ八ハ卜トㄧ";

/// Whether a word of the text mixes letters of ASCII with others that can look like them, such as a Cyrillic a in a Latin word.
/// Azure accepts such a name; no one who reads it can tell which one it is.
pub(super) fn mixes_look_alikes(text: &str) -> bool {
    let mut words = text.split(|c: char| !is_letter_or_digit(c));
    words.any(|word| word.contains(|c: char| c.is_ascii_alphabetic()) && look_alikes(word).next().is_some())
}

/// The characters that can look like letters or digits of ASCII, to be shown by their numbers where a name is confirmed.
pub fn look_alikes(text: &str) -> impl Iterator<Item = char> + '_ {
    let is_beside =
        |c: char| c.is_ascii() || (!ALIKE.contains(c) && BESIDE_LATIN.iter().any(|range| range.contains(&c)));
    text.chars().filter(move |c| !is_beside(*c))
}

/// The text for a comparison without regard to case, as Azure compares names: letter by letter, never across ASCII's border. Two names that
/// Azure tells apart are never the same here.
#[must_use]
pub fn folded(text: &str) -> String {
    text.chars().map(fold).collect()
}

fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        // The Kelvin sign is not the letter K.
        (Some(one), None) if !one.is_ascii() => one,
        _ => c,
    }
}

/// Whether two names or IDs are the same to Azure: without regard to case.
#[must_use]
pub fn same(left: &str, right: &str) -> bool {
    left.chars().map(fold).eq(right.chars().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_decimal_digits_of_every_script_are_accepted() {
        for c in ['a', 'Z', '0', 'Ä', 'ß', '部', 'ク', 'ー', 'д', 'א', '३', 'ǅ'] {
            assert!(is_letter_or_digit(c), "{c}");
        }
    }

    #[test]
    fn what_is_no_letter_or_is_not_seen_is_refused() {
        let marks = [
            '\u{308}', '\u{200b}', '\u{202e}', '\u{ad}', '\u{feff}', '\u{115f}', '\u{3164}', '\u{ffa0}',
        ];
        let others = ['½', 'Ⅷ', 'ⓐ', '‐', '．', '／', '％', '🦀', '𝐚', '\u{a0}', '²'];
        for c in marks.into_iter().chain(others) {
            assert!(!is_letter_or_digit(c), "{c:?}");
        }
    }

    #[test]
    fn a_word_has_letters_of_one_kind() {
        for fine in ["RG-BÄCKUP_(Über).1", "rg-клиент", "RG部門", "rg-٣", "ＲＧ", "tếst"] {
            assert!(!mixes_look_alikes(fine), "{fine}");
        }
        for bad in [
            "rg-b\u{430}ckup",
            "rg\u{ff41}",
            "r\u{3bf}g",
            "rg\u{212a}",
            "rg\u{1c3}",
            "a٣",
        ] {
            assert!(mixes_look_alikes(bad), "{bad}");
        }
    }

    #[test]
    fn case_is_ignored_letter_by_letter() {
        assert!(same("RG-BÄCKUP", "rg-bäckup") && same("ДОМ", "дом"));
        assert!(!same("rg-\u{212a}", "rg-k"), "the Kelvin sign");
        assert!(!same("\u{17f}", "s") && !same("ß", "ss") && !same("\u{130}", "i"));
        assert_eq!(folded("/Subscriptions/X-1"), "/subscriptions/x-1");
    }
}
