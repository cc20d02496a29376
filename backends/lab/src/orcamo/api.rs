//! The renewal for programs: `POST /api/cert` with the certificate itself, then a GET of the address in the answer.

use kirikae_engine::backend::profile::Operation;
use serde_json::json;

use super::{Orcamo, PROGRAM, lost, password};
use crate::LabError;
use crate::portal::{Answer, Incoming, Part, Visit, not_accepted};

pub(super) const BELOW: &str = "/orcamo_api";
const RENEW: &str = "/orcamo_api/api/cert";
const FILE: &str = "/orcamo_api/cert.p12";
pub(super) const PATHS: [&str; 2] = [RENEW, FILE];

pub(super) fn part(incoming: &Incoming) -> Part {
    match (incoming.post, incoming.path.as_str()) {
        (true, RENEW) => Part { commits: Some(Operation::Renew), ..Part::default() },
        (false, FILE) => Part { file: Some(Operation::Fetch), ..Part::default() },
        _ => Part::default(),
    }
}

pub(super) fn answer(door: &Orcamo, visit: &mut Visit<'_>) -> Result<Answer, LabError> {
    let Some(client) = visit.client(door)? else { return Ok(Answer::Page(403, not_accepted())) };
    match (visit.incoming.post, visit.incoming.path.as_str()) {
        (true, RENEW) => {
            let Some(own) = Orcamo::own(visit, &client) else { return Ok(Answer::Page(403, not_accepted())) };
            let issuance = door.renew(visit, &own)?;
            let pass = password(&mut visit.desk.state, &issuance.request_id)?.password;
            let port = visit.desk.state.held.port.unwrap_or_default();
            let uri = format!("https://127.0.0.1:{port}{FILE}?id={}", issuance.request_id);
            Ok(Answer::Json(json!({ "uri": uri, "pass": pass }).to_string()))
        }
        (false, FILE) => {
            let issued = visit.desk.find(PROGRAM, visit.incoming.sent.text("id")).filter(|issuance| issuance.owner == client.about.subject);
            let Some(issuance) = issued else { return Ok(lost()) };
            let (name, content) = door.file(visit, &issuance)?;
            Ok(Answer::File(name, content))
        }
        _ => Ok(lost()),
    }
}
