//! Entra: discovery and the token endpoint for service principals.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::certificate;
use super::ids;
use super::personas::{self, Persona};
use super::tokens::{Mint, claims};
use crate::settings::Settings;

/// Audience of the blob data plane.
pub(crate) const STORAGE_AUDIENCE: &str = "https://storage.azure.com";

/// Answers a request to the login host, or nothing where the path is not Entra's.
pub(crate) fn answer(
    settings: &Settings,
    endpoint: &str,
    mint: &Mint,
    method: &str,
    path: &str,
    form: &[u8],
) -> Option<Answer> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (method, segments.as_slice()) {
        ("GET", [tenant, "v2.0", ".well-known", "openid-configuration"])
        | ("GET", [tenant, ".well-known", "openid-configuration"]) => Some(discovery(endpoint, tenant)),
        ("GET", ["common", "discovery", "instance"]) => Some(instance(endpoint)),
        ("GET", [_, "discovery", "v2.0", "keys"]) => Some(Answer::ok(json!({ "keys": [] }))),
        ("POST", [tenant, "oauth2", "v2.0", "token"]) => {
            let form = url::form_urlencoded::parse(form).map(|(key, value)| (key.into_owned(), value.into_owned()));
            Some(token(settings, endpoint, mint, tenant, &form.collect()).unwrap_or_else(|refusal| refusal))
        }
        _ => None,
    }
}

/// The names that stand for whatever tenant somebody turns out to be of: Entra describes them as well.
const ANY_TENANT: [&str; 2] = ["organizations", "common"];

fn discovery(endpoint: &str, tenant: &str) -> Answer {
    if !ANY_TENANT.contains(&tenant)
        && let Err(refusal) = known_tenant(tenant)
    {
        return refusal;
    }
    let base = format!("{endpoint}/{tenant}");
    Answer::ok(json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "tenant_region_scope": "EU",
    }))
}

fn instance(endpoint: &str) -> Answer {
    let host = endpoint.trim_start_matches("https://");
    Answer::ok(json!({
        "tenant_discovery_endpoint": format!("{endpoint}/{}/v2.0/.well-known/openid-configuration", ids::TENANT),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
}

fn known_tenant(tenant: &str) -> Result<(), Answer> {
    if [ids::TENANT, ids::OTHER_TENANT]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(tenant))
    {
        return Ok(());
    }
    let text = format!(
        "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into \
         the correct cloud. Check with your subscription administrator, this may happen if there are no active \
         subscriptions for the tenant."
    );
    Err(refusal(400, "invalid_request", 90002, &text))
}

/// Entra's own error object, whose description runs over several lines.
fn refusal(status: u16, error: &str, code: u32, text: &str) -> Answer {
    let (trace, correlation) = (ids::fresh(), ids::fresh());
    let stamp = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let description = format!("{text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {stamp}");
    Answer::new(
        status,
        json!({
            "error": error, "error_description": description, "error_codes": [code], "timestamp": stamp,
            "trace_id": trace, "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        }),
    )
}

fn token(
    settings: &Settings,
    endpoint: &str,
    mint: &Mint,
    tenant: &str,
    form: &BTreeMap<String, String>,
) -> Result<Answer, Answer> {
    known_tenant(tenant)?;
    if !settings.sign_in_refused.is_empty() {
        let text = &settings.sign_in_refused;
        let code = text.trim_start_matches("AADSTS").split(':').next().unwrap_or_default();
        return Err(refusal(400, "invalid_grant", code.parse().unwrap_or_default(), text));
    }
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("grant_type") != "client_credentials" {
        let text =
            "AADSTS70003: The app requested an unsupported grant type. The sandbox signs in service principals only.";
        return Err(refusal(400, "unsupported_grant_type", 70003, text));
    }
    let client = field("client_id");
    let persona = personas::all()
        .into_iter()
        .find(|persona| persona.client_id.eq_ignore_ascii_case(client));
    let persona = persona.ok_or_else(|| unknown_client(client))?;
    let persona = persona.in_tenant(tenant);
    match field("client_assertion") {
        "" => by_secret(&persona, field("client_secret"))?,
        assertion if certificate::issued_by(client, assertion) => {
            let base = format!("{endpoint}/{tenant}");
            let audiences = [format!("{base}/oauth2/v2.0/token"), format!("{base}/v2.0")];
            certificate::check(&persona.name, client, assertion, &audiences)
                .map_err(|(code, text)| refusal(401, "invalid_client", code, &text))?;
        }
        assertion => by_federation(settings, &persona, assertion)?,
    }
    let audience = audience(endpoint, field("scope"))?;
    let lifetime = settings.token_lifetime;
    let token = mint.token(endpoint, tenant, &persona, &audience, lifetime);
    // Clients take a whole number only.
    let seconds = std::time::Duration::from_secs_f64(lifetime).as_secs();
    Ok(Answer::ok(json!({
        "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
    })))
}

pub(crate) fn unknown_client(client: &str) -> Answer {
    let text = format!(
        "AADSTS700016: Application with identifier '{client}' was not found in the directory 'Contoso'. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any user in the \
         tenant. You may have sent your authentication request to the wrong tenant."
    );
    refusal(400, "unauthorized_client", 700_016, &text)
}

fn by_federation(settings: &Settings, persona: &Persona, assertion: &str) -> Result<(), Answer> {
    let claims = claims(assertion).unwrap_or(Value::Null);
    let subject = claims["sub"].as_str().unwrap_or_default();
    let wanted = settings.federated_subject.replace("{persona}", &persona.name);
    if subject == wanted {
        return Ok(());
    }
    let text = format!(
        "AADSTS700213: No matching federated identity record found for presented assertion subject '{subject}'. Check your \
         federated identity credential Subject, Audience and Issuer against the presented assertion."
    );
    Err(refusal(401, "invalid_client", 700_213, &text))
}

fn by_secret(persona: &Persona, secret: &str) -> Result<(), Answer> {
    if secret == persona.secret {
        return Ok(());
    }
    if secret.is_empty() {
        let text = "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or \
                    'client_secret'.";
        return Err(refusal(401, "invalid_client", 7_000_218, text));
    }
    let text = format!(
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
         value, not the client secret ID, for a secret added to app '{}'.",
        persona.client_id
    );
    Err(refusal(401, "invalid_client", 7_000_215, &text))
}

/// The audiences that ARM takes.
pub(crate) fn arm_audiences(endpoint: &str) -> [String; 4] {
    [
        endpoint.to_owned(),
        "https://management.azure.com".to_owned(),
        "https://management.core.windows.net".to_owned(),
        endpoint.replace("127.0.0.1", "localhost"),
    ]
}

fn audience(endpoint: &str, scope: &str) -> Result<String, Answer> {
    let mut scopes = scope.split_whitespace();
    let first = scopes.find(|scope| scope.contains("://")).unwrap_or_default();
    let resource = first.strip_suffix("/.default").unwrap_or(first);
    let bare = resource.trim_end_matches('/');
    if arm_audiences(endpoint).iter().any(|known| known == bare)
        || bare == STORAGE_AUDIENCE
        || bare == format!("{endpoint}{}", super::graph::PREFIX)
    {
        return Ok(resource.to_owned());
    }
    let text = format!(
        "AADSTS500011: The resource principal named {resource} was not found in the tenant named Contoso. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any user in the \
         tenant. You might have sent your authentication request to the wrong tenant."
    );
    Err(refusal(400, "invalid_resource", 500_011, &text))
}

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::azure::ids;
    use crate::azure::personas::persona;
    use crate::azure::tokens::Mint;
    use crate::settings::Settings;

    fn ask(tenant: &str, form: &str) -> (u16, serde_json::Value) {
        let path = format!("/{tenant}/oauth2/v2.0/token");
        let answer = answer(
            &Settings::default(),
            "https://127.0.0.1:1",
            &Mint::new(),
            "POST",
            &path,
            form.as_bytes(),
        );
        let answer = answer.unwrap();
        (answer.status, answer.body.unwrap())
    }

    fn form(client: &str, secret: &str, scope: &str) -> String {
        format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}")
    }

    #[test]
    fn each_wrong_sign_in_has_its_own_code() {
        let reader = persona("reader").client_id;
        let scope = "https://127.0.0.1:1/.default";
        let code = |tenant, form: String| ask(tenant, &form).1["error_codes"][0].as_i64().unwrap();
        assert_eq!(code("elsewhere", form(&reader, "reader-secret", scope)), 90002);
        assert_eq!(code(ids::TENANT, form("nobody", "x", scope)), 700_016);
        assert_eq!(code(ids::TENANT, form(&reader, "wrong", scope)), 7_000_215);
        assert_eq!(
            code(
                ids::TENANT,
                form(&reader, "reader-secret", "https://vault.azure.net/.default")
            ),
            500_011
        );
        let (status, body) = ask(ids::TENANT, &form(&reader, "reader-secret", scope));
        assert_eq!((status, &body["token_type"]), (200, &"Bearer".into()));
    }

    #[test]
    fn descriptions_run_over_several_lines() {
        let (_, body) = ask("elsewhere", "grant_type=client_credentials");
        assert!(body["error_description"].as_str().unwrap().contains("\r\nTrace ID: "));
    }
}
