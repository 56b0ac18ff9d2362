//! A picture of a terminal for the documentation: SVG, which every forge renders and which a test can compare as text.

use std::fmt::Write as _;

/// Size of a character cell in pixels, at the font size below. Fonts differ: `textLength` would distort them, so that the margin to
/// the right is wide enough for the widest common ones.
const CELL: (f64, f64) = (8.6, 20.0);
const MARGIN: f64 = 16.0;

const STYLE: &str = "\
text{font:14px ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#d8dee9;white-space:pre}\
.green{fill:#7ec699}.yellow{fill:#e5c07b}.red{fill:#e06c75}.dim{fill:#7f8896}.bold{font-weight:bold}.prompt{fill:#88c0d0}";

/// Draws `lines`, in which SGR sequences set the colors, on a dark background. The first line is the prompt with the command. Lines of
/// more than `columns` characters are continued, indented, after a blank.
#[must_use]
pub fn svg(title: &str, lines: &[String], columns: usize) -> String {
    let rows: Vec<Vec<Styled>> = lines.iter().flat_map(|line| wrapped(styled(line), columns)).collect();
    let size = (
        (columns as f64).mul_add(CELL.0, 2.0 * MARGIN),
        (rows.len() as f64).mul_add(CELL.1, 2.0 * MARGIN),
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#22272e\"/>\n",
        size.0,
        size.1,
        escaped(title)
    );
    for (number, row) in rows.iter().enumerate() {
        let baseline = (number as f64 + 0.75).mul_add(CELL.1, MARGIN);
        let _ = write!(
            out,
            "<text x=\"{MARGIN:.0}\" y=\"{baseline:.0}\" xml:space=\"preserve\">"
        );
        for run in row.chunk_by(|one, other| one.1 == other.1) {
            let text = escaped(&run.iter().map(|(character, _)| *character).collect::<String>());
            let _ = match (run.first().map_or("", |first| first.1), number) {
                ("", 0) => write!(out, "<tspan class=\"prompt\">{text}</tspan>"),
                ("", _) => write!(out, "{text}"),
                (class, _) => write!(out, "<tspan class=\"{class}\">{text}</tspan>"),
            };
        }
        out.push_str("</text>\n");
    }
    out.push_str("</svg>\n");
    out
}

/// A character with the class of its color.
type Styled = (char, &'static str);

fn styled(line: &str) -> Vec<Styled> {
    let (mut out, mut class, mut rest) = (Vec::new(), "", line);
    while let Some(next) = rest.chars().next() {
        let code = rest.strip_prefix("\u{1b}[").and_then(|code| code.split_once('m'));
        if let Some((number, after)) = code {
            class = class_of(number);
            rest = after;
        } else {
            out.push((next, class));
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn class_of(sgr: &str) -> &'static str {
    match sgr {
        "1" => "bold",
        "2" | "38;5;8" => "dim",
        "31" => "red",
        "32" => "green",
        "33" => "yellow",
        _ => "",
    }
}

fn wrapped(mut line: Vec<Styled>, columns: usize) -> Vec<Vec<Styled>> {
    let indent = line.iter().take_while(|(character, _)| *character == ' ').count() + 4;
    let mut rows = Vec::new();
    while line.len() > columns {
        let blank = line[..columns].iter().rposition(|(character, _)| *character == ' ');
        let cut = blank.filter(|at| *at > indent).unwrap_or(columns);
        let rest = line.split_off(cut);
        let rest = rest.into_iter().skip_while(|(character, _)| *character == ' ');
        rows.push(std::mem::replace(
            &mut line,
            std::iter::repeat_n((' ', ""), indent).chain(rest).collect(),
        ));
    }
    rows.push(line);
    rows
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_become_classes_and_long_lines_continue_at_a_word() {
        let lines = [
            "$ run <it>".to_owned(),
            "\u{1b}[32m✓\u{1b}[0m  one two three four five".to_owned(),
        ];
        let picture = svg("a \"run\"", &lines, 16);
        assert!(picture.contains("aria-label=\"a &quot;run&quot;\""), "{picture}");
        assert!(
            picture.contains("<tspan class=\"prompt\">$ run &lt;it&gt;</tspan>"),
            "{picture}"
        );
        assert!(
            picture.contains("<tspan class=\"green\">✓</tspan>  one two</text>"),
            "{picture}"
        );
        assert!(
            picture.contains(">    three four</text>") && picture.contains(">    five</text>"),
            "{picture}"
        );
    }
}
