//! Reads a query.

use serde_json::json;

use super::tokens::{Token, tokens};
use super::{COLUMNS, Query, Stage, Term, Trouble};

const FUNCTIONS: [&str; 7] = [
    "tolower",
    "tostring",
    "split",
    "strcat",
    "case",
    "trim_end",
    "todatetime",
];
const COMPARISONS: [&str; 6] = ["=~", "==", "!=", "<", ">", "startswith"];

/// Reads a whole query.
///
/// # Errors
/// Where it stops being understood.
pub(super) fn query(text: &str) -> Result<Query, Trouble> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        position: 0,
        table: String::new(),
        columns: Vec::new(),
        times: Vec::new(),
    };
    let query = parser.query()?;
    match parser.ended() {
        true => Ok(query),
        false => parser.trouble(parser.position),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    position: usize,
    table: String,
    columns: Vec<String>,
    times: Vec<String>,
}

impl Parser {
    fn ended(&self) -> bool {
        self.position == self.tokens.len()
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position).map(|(_, token)| token)
    }

    fn trouble<T>(&self, position: usize) -> Result<T, Trouble> {
        Err(self.tokens.get(position).map_or_else(
            || (self.tokens.last().map_or(0, |(at, _)| *at), "<EOF>".to_owned()),
            |(at, token)| (*at, token.text().to_owned()),
        ))
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.position += usize::from(token.is_some());
        token
    }

    fn takes(&mut self, text: &str) -> bool {
        let own = matches!(self.peek(), Some(Token::Sign(own) | Token::Word(own)) if own == text);
        self.position += usize::from(own);
        own
    }

    fn expect(&mut self, text: &str) -> Result<(), Trouble> {
        match self.takes(text) {
            true => Ok(()),
            false => self.trouble(self.position),
        }
    }

    fn word(&mut self) -> Result<String, Trouble> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => self.trouble(self.position.saturating_sub(1)),
        }
    }

    /// A table and its stages, up to the end or to what can't follow a stage.
    fn query(&mut self) -> Result<Query, Trouble> {
        self.columns = COLUMNS.map(str::to_owned).to_vec();
        self.times = Vec::new();
        let table = self.word()?.to_ascii_lowercase();
        self.table.clone_from(&table);
        let mut stages = Vec::new();
        while self.takes("|") {
            stages.push(self.stage()?);
        }
        Ok(Query {
            table,
            stages,
            columns: self.columns.clone(),
            times: self.times.clone(),
        })
    }

    /// Which tables can be joined with which differs from cloud to cloud; a table can be joined with itself everywhere.
    fn join(&mut self) -> Result<Stage, Trouble> {
        for word in ["kind", "=", "leftouter", "("] {
            self.expect(word)?;
        }
        let start = self.position;
        let mut own = (self.table.clone(), self.columns.clone(), self.times.clone());
        let other = self.query()?;
        if other.table != own.0 {
            return self.trouble(start);
        }
        self.expect(")")?;
        self.expect("on")?;
        let on = self.column()?;
        for name in &other.columns {
            let known = own.1.contains(name);
            own.1.push(if known { format!("{name}1") } else { name.clone() });
        }
        own.2.extend(other.times.iter().cloned());
        (self.table, self.columns, self.times) = own;
        match self.columns.contains(&on) {
            true => Ok(Stage::Join(Box::new(other), on)),
            false => self.trouble(self.position - 1),
        }
    }

    fn latest(&mut self) -> Result<Stage, Trouble> {
        self.expect("arg_max")?;
        self.expect("(")?;
        let of = self.column()?;
        let mut kept = Vec::new();
        while self.takes(",") {
            kept.push(self.column()?);
        }
        self.expect(")")?;
        self.expect("by")?;
        let by = self.column()?;
        self.columns = kept.iter().chain([&of, &by]).cloned().collect();
        Ok(Stage::Latest { of, kept, by })
    }

    /// The name of a column that is there.
    fn column(&mut self) -> Result<String, Trouble> {
        let name = self.word()?;
        match self.columns.contains(&name) {
            true => Ok(name),
            false => self.trouble(self.position - 1),
        }
    }

    fn stage(&mut self) -> Result<Stage, Trouble> {
        match self.word()?.as_str() {
            "where" => Ok(Stage::Where(self.condition()?)),
            "extend" => {
                let columns = self.columns()?;
                self.columns.extend(columns.iter().map(|(name, _)| name.clone()));
                Ok(Stage::Extend(columns))
            }
            "project" => {
                let columns = self.columns()?;
                self.columns = columns.iter().map(|(name, _)| name.clone()).collect();
                Ok(Stage::Project(columns))
            }
            "join" => self.join(),
            "summarize" => self.latest(),
            "order" => {
                self.expect("by")?;
                let by = self.column()?;
                self.expect("asc")?;
                Ok(Stage::Order(by))
            }
            _ => self.trouble(self.position - 1),
        }
    }

    /// `NAME = TERM` or a path, which then names itself, with commas between.
    fn columns(&mut self) -> Result<Vec<(String, Term)>, Trouble> {
        let mut columns = Vec::new();
        loop {
            let second = self.tokens.get(self.position + 1).map(|(_, token)| token);
            if matches!(second, Some(Token::Sign(sign)) if sign == "=") {
                let name = self.word()?;
                self.expect("=")?;
                let term = self.condition()?;
                if matches!(&term, Term::Call(function, _) if function == "todatetime") {
                    self.times.push(name.clone());
                }
                columns.push((name, term));
            } else {
                let start = self.position;
                match self.term()? {
                    Term::Path(path) => columns.push((path.join("_"), Term::Path(path))),
                    _ => return self.trouble(start),
                }
            }
            if !self.takes(",") {
                return Ok(columns);
            }
        }
    }

    fn condition(&mut self) -> Result<Term, Trouble> {
        let first = self.comparison()?;
        let mut all = vec![first];
        while self.takes("and") {
            all.push(self.comparison()?);
        }
        Ok(match all.len() {
            1 => all.swap_remove(0),
            _ => Term::All(all),
        })
    }

    fn comparison(&mut self) -> Result<Term, Trouble> {
        let left = Box::new(self.term()?);
        for operator in ["in~", "in"] {
            if self.takes(operator) {
                self.expect("(")?;
                return Ok(Term::In(left, operator == "in~", self.arguments()?));
            }
        }
        match COMPARISONS.iter().find(|operator| self.takes(operator)) {
            Some(operator) => Ok(Term::Compare(left, (*operator).to_owned(), Box::new(self.term()?))),
            None => Ok(*left),
        }
    }

    /// Conditions up to the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Term>, Trouble> {
        let mut all = vec![self.condition()?];
        while self.takes(",") {
            all.push(self.condition()?);
        }
        self.expect(")")?;
        Ok(all)
    }

    fn term(&mut self) -> Result<Term, Trouble> {
        let start = self.position;
        let mut term = match self.next() {
            Some(Token::Text(text)) => Term::Literal(json!(text)),
            Some(Token::Time(time)) => Term::Literal(json!(time)),
            Some(Token::Word(word)) if self.takes("(") => match FUNCTIONS.contains(&word.as_str()) {
                true => Term::Call(word, self.arguments()?),
                false => return self.trouble(start),
            },
            Some(Token::Word(word)) if self.columns.contains(&word) => self.path(word)?,
            _ => return self.trouble(start),
        };
        while self.takes("[") {
            term = match (self.next(), term) {
                (Some(Token::Number(index)), term) => Term::At(Box::new(term), index),
                // A member whose name isn't an identifier.
                (Some(Token::Text(name)), Term::Path(mut path)) => {
                    path.push(name);
                    Term::Path(path)
                }
                _ => return self.trouble(self.position.saturating_sub(1)),
            };
            self.expect("]")?;
        }
        Ok(term)
    }

    fn path(&mut self, first: String) -> Result<Term, Trouble> {
        let mut path = vec![first];
        while self.takes(".") {
            path.push(self.word()?);
        }
        Ok(Term::Path(path))
    }
}
