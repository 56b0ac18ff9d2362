//! The table of `list`.

use aksbackup_shared::chain::check::Verdict;
use aksbackup_shared::console::{Console, Tone, one_line};

use super::{Listed, Scope, name_of};
use crate::checks::overview::Overview;
use crate::checks::view::Seen;

/// A text of Azure's is cut behind so many characters.
const MOST: usize = 60;
const BETWEEN: &str = "  ";
/// What a terminal that is too narrow leaves out, in this order.
const OPTIONAL: [&str; 5] = ["POLICY", "VAULT", "REGION", "VERSION", "POWER"];
const FINDINGS: &str = "FINDINGS";

struct Column {
    title: &'static str,
    cells: Vec<String>,
}

impl Column {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.chars().count());
        cells.chain([self.title.len()]).max().unwrap_or_default()
    }
}

/// Returns the lines of the table: none where there is no cluster. A terminal gets the columns that fit; the findings are last, and can
/// go beyond it.
pub(super) fn lines(console: &Console, scope: &Scope, listed: &[Listed]) -> Vec<String> {
    if listed.is_empty() {
        return Vec::new();
    }
    let (columns, left_out) = fitting(columns(scope, listed), console.columns());
    let widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let row = |cells: Vec<&str>, findings: &str| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.chain([findings.to_owned()]).collect::<Vec<_>>().join(BETWEEN)
    };
    let mut lines = vec![row(columns.iter().map(|own| own.title).collect(), FINDINGS)];
    for (at, own) in listed.iter().enumerate() {
        let cells = columns
            .iter()
            .filter_map(|column| column.cells.get(at))
            .map(String::as_str);
        lines.push(row(cells.collect(), &findings(console, own)));
    }
    if !left_out.is_empty() {
        lines.push(format!(
            "(not shown at this width: {}; to show all columns, use -o json)",
            left_out.join(", ")
        ));
    }
    lines
}

fn columns(scope: &Scope, listed: &[Listed]) -> Vec<Column> {
    let column = |title: &'static str, cell: &dyn Fn(&Overview) -> String| Column {
        title,
        cells: listed.iter().map(|own| short(&cell(&own.overview))).collect(),
    };
    let mut columns = vec![
        column("CLUSTER", &|own| own.id.with_group()),
        column("REGION", &|own| own.region.clone()),
        column("VERSION", &|own| own.version.clone().unwrap_or_default()),
        column("POWER", &|own| own.power.clone().unwrap_or_default()),
        column("PROTECTION", &protection),
        column("VAULT", &vault),
        column("POLICY", &policy),
        column("LAST BACKUP", &last_backup),
    ];
    if scope.is_all {
        let name = |own: &Overview| name_of(scope, &own.id.subscription());
        columns.insert(0, column("SUBSCRIPTION", &name));
    }
    columns
}

/// Returns the columns that fit into `width`, and the titles of those that don't.
fn fitting(mut columns: Vec<Column>, width: Option<usize>) -> (Vec<Column>, Vec<&'static str>) {
    let mut left_out = Vec::new();
    for title in OPTIONAL {
        let needed: usize = columns.iter().map(|own| own.width() + BETWEEN.len()).sum();
        if width.is_none_or(|width| needed + FINDINGS.len() <= width) {
            break;
        }
        columns.retain(|own| own.title != title);
        left_out.push(title);
    }
    (columns, left_out)
}

fn protection(own: &Overview) -> String {
    match &own.instance {
        Seen::Here(own) => own.protection().to_owned(),
        Seen::Absent => "not protected".to_owned(),
        Seen::Hidden(_) | Seen::Unasked => "not read".to_owned(),
    }
}

fn vault(own: &Overview) -> String {
    let vault = own.instance.here().and_then(|own| own.vault());
    vault.map_or_else(|| "-".to_owned(), |vault| vault.with_group())
}

fn policy(own: &Overview) -> String {
    let policy = own
        .instance
        .here()
        .map(|own| own.properties.policy_info.policy_id.as_str());
    let name = policy
        .and_then(|id| id.rsplit('/').next())
        .filter(|name| !name.is_empty());
    name.unwrap_or("-").to_owned()
}

fn last_backup(own: &Overview) -> String {
    match &own.last {
        Seen::Here(job) => {
            let at = job.properties.end_time.or(job.properties.start_time);
            let at = at
                .map(|at| at.strftime("%Y-%m-%d %H:%M ").to_string())
                .unwrap_or_default();
            format!("{at}{}", job.properties.status)
        }
        Seen::Hidden(_) => "not read".to_owned(),
        Seen::Absent | Seen::Unasked => "-".to_owned(),
    }
}

fn findings(console: &Console, own: &Listed) -> String {
    if own.findings.is_empty() {
        return "-".to_owned();
    }
    let all = own.findings.iter().map(|finding| {
        let tone = match finding.verdict {
            Verdict::Error => Tone::Bad,
            Verdict::Ok | Verdict::Unknown | Verdict::Warning => Tone::Attention,
        };
        console.paint(tone, &short(&finding.says))
    });
    all.collect::<Vec<_>>().join("; ")
}

/// A text in one line, cut where it is very long: a cell must not look like a row.
fn short(text: &str) -> String {
    let text = one_line(text).replace('\t', " ");
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(title: &'static str, cell: &str) -> Column {
        Column {
            title,
            cells: vec![cell.to_owned()],
        }
    }

    fn shown(width: Option<usize>) -> (Vec<&'static str>, Vec<&'static str>) {
        let all = vec![
            column("CLUSTER", "rg-aks/aks-demo"),
            column("REGION", "westeurope"),
            column("PROTECTION", "ProtectionConfigured"),
            column("VAULT", "rg-backup/bv-demo"),
            column("POLICY", "aks-daily"),
        ];
        let (columns, left_out) = fitting(all, width);
        (columns.iter().map(|own| own.title).collect(), left_out)
    }

    #[test]
    fn a_narrow_terminal_gets_the_columns_that_fit() {
        assert_eq!(shown(None).1, [""; 0]);
        assert_eq!(shown(Some(120)).1, [""; 0]);
        assert_eq!(shown(Some(80)).1, ["POLICY"]);
        assert_eq!(shown(Some(10)).0, ["CLUSTER", "PROTECTION"]);
    }

    #[test]
    fn a_cell_is_one_line_and_not_endless() {
        assert_eq!(short("a\nb\tc"), "a b c");
        assert_eq!(short(&"x".repeat(100)).chars().count(), MOST + 1);
    }
}
