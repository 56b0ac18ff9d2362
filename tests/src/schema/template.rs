//! Path templates of operations.

/// A path template like `/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(String),
    /// One segment.
    Parameter(String),
    /// Any number of segments, none included: a scope may be the tenant, and a resource may have no parent.
    Path(String),
}

/// What a template's parameters stood for, in order.
pub(crate) type Captures = Vec<(String, String)>;

impl Template {
    /// Parses a template as the definitions write it; what follows a `?` only tells two equal paths apart.
    pub(crate) fn parse(text: &str) -> Self {
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        let token = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name @ ("scope" | "parentResourcePath")) => Token::Path(name.to_owned()),
            Some(name) => Token::Parameter(name.to_owned()),
            None => Token::Literal(segment.to_owned()),
        };
        Self {
            tokens: path
                .split('/')
                .filter(|segment| !segment.is_empty())
                .map(token)
                .collect(),
        }
    }

    /// Matches decoded segments, literals without regard to case.
    pub(crate) fn captures(&self, segments: &[String]) -> Option<Captures> {
        // Every request is held against every template, and the last segment tells most of them apart.
        if let (Some(Token::Literal(end)), Some(last)) = (self.tokens.last(), segments.last())
            && !end.eq_ignore_ascii_case(last)
        {
            return None;
        }
        let mut captures = capture(&self.tokens, segments)?;
        captures.reverse();
        Some(captures)
    }

    /// How specific the template is: number and length of its literals. The greatest match wins.
    pub(crate) fn weight(&self) -> (usize, usize) {
        let literals = self.tokens.iter().filter_map(|token| match token {
            Token::Literal(text) => Some(text.len()),
            Token::Parameter(_) | Token::Path(_) => None,
        });
        literals.fold((0, 0), |(count, length), text| (count + 1, length + text))
    }

    /// The type of the one resource that the template names, lower case: `microsoft.dataprotection/backupvaults`. `None`
    /// for lists, actions, and paths whose type is a parameter.
    pub(crate) fn resource_type(&self) -> Option<String> {
        let position = self.tokens.iter().rposition(|token| token.is("providers"));
        let Some(tail) = position.map(|position| &self.tokens[position + 1..]) else {
            let group = self.tokens.len() == 4 && self.tokens[2].is("resourceGroups");
            return group.then(|| "microsoft.resources/resourcegroups".to_owned());
        };
        if tail.len() < 3 || tail.len() % 2 == 0 {
            return None;
        }
        let kinds = tail[1..].iter().step_by(2);
        let names = tail[..1].iter().chain(kinds).map(|token| match token {
            Token::Literal(text) => Some(text.to_ascii_lowercase()),
            Token::Parameter(_) | Token::Path(_) => None,
        });
        names.collect::<Option<Vec<_>>>().map(|names| names.join("/"))
    }
}

impl Token {
    fn is(&self, literal: &str) -> bool {
        matches!(self, Token::Literal(text) if text.eq_ignore_ascii_case(literal))
    }
}

/// The captures in reverse order.
fn capture(tokens: &[Token], segments: &[String]) -> Option<Captures> {
    let Some((token, tokens)) = tokens.split_first() else {
        return segments.is_empty().then(Vec::new);
    };
    match token {
        Token::Literal(text) => {
            let (segment, segments) = segments.split_first()?;
            if text.eq_ignore_ascii_case(segment) {
                capture(tokens, segments)
            } else {
                None
            }
        }
        Token::Parameter(name) => {
            let (segment, segments) = segments.split_first()?;
            let mut captures = capture(tokens, segments)?;
            captures.push((name.clone(), segment.clone()));
            Some(captures)
        }
        Token::Path(name) => (0..=segments.len()).find_map(|length| {
            let mut captures = capture(tokens, &segments[length..])?;
            captures.push((name.clone(), segments[..length].join("/")));
            Some(captures)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::Template;

    fn segments(path: &str) -> Vec<String> {
        path.split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn captured(template: &str, path: &str) -> Option<Vec<String>> {
        let captures = Template::parse(template).captures(&segments(path))?;
        Some(
            captures
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        )
    }

    #[test]
    fn literals_match_without_regard_to_case() {
        let template = "/subscriptions/{s}/resourceGroups/{g}";
        assert_eq!(
            captured(template, "/SUBSCRIPTIONS/a/resourcegroups/B"),
            Some(vec!["s=a".into(), "g=B".into()])
        );
        assert_eq!(captured(template, "/subscriptions/a/resourceGroups"), None);
        assert_eq!(captured(template, "/subscriptions/a/resourceGroups/b/c"), None);
        assert_eq!(captured(template, "/subscriptions/a/groups/b"), None);
    }

    #[test]
    fn a_scope_takes_any_number_of_segments() {
        let template = "/{scope}/providers/Microsoft.Authorization/roleAssignments/{name}";
        let at = |scope: &str| {
            captured(
                template,
                &format!("{scope}/providers/microsoft.authorization/roleassignments/n"),
            )
        };
        let scope = |scope: &str| Some(vec![format!("scope={scope}"), "name=n".to_owned()]);
        assert_eq!(at(""), scope(""));
        assert_eq!(at("/subscriptions/s"), scope("subscriptions/s"));
        let cluster = "subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";
        assert_eq!(at(&format!("/{cluster}")), scope(cluster));
    }

    #[test]
    fn a_parent_path_may_be_empty() {
        let template = "/x/{parentResourcePath}/{resourceType}/{resourceName}/permissions";
        let found = captured(template, "/x//managedClusters/c/permissions");
        let empty = ["parentResourcePath=", "resourceType=managedClusters", "resourceName=c"].map(str::to_owned);
        assert_eq!(found, Some(empty.to_vec()));
    }

    #[test]
    fn more_literals_weigh_more() {
        let weight = |template: &str| Template::parse(template).weight();
        assert!(weight("/s/{a}/blobServices/default") > weight("/s/{a}/blobServices/{b}"));
        assert!(weight("/{scope}/providers/Microsoft.Authorization/permissions") > weight("/{resourceId}"));
    }

    #[test]
    fn the_type_is_read_from_the_template() {
        let kind = |template: &str| Template::parse(template).resource_type();
        assert_eq!(
            kind("/subscriptions/{s}/resourcegroups/{g}").as_deref(),
            Some("microsoft.resources/resourcegroups")
        );
        let containers = "/s/providers/Microsoft.Storage/storageAccounts/{a}/blobServices/default/containers/{c}";
        assert_eq!(
            kind(containers).as_deref(),
            Some("microsoft.storage/storageaccounts/blobservices/containers")
        );
        let extension = "/s/providers/{rp}/{t}/{n}/providers/Microsoft.KubernetesConfiguration/extensions/{e}";
        assert_eq!(
            kind(extension).as_deref(),
            Some("microsoft.kubernetesconfiguration/extensions")
        );
        assert_eq!(kind("/s/providers/Microsoft.Storage/storageAccounts"), None);
        assert_eq!(
            kind("/s/providers/Microsoft.Storage/storageAccounts/{a}/listKeys"),
            None
        );
        assert_eq!(kind("/s/providers/{ns}/{type}/{name}"), None);
    }
}
