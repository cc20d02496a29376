//! What the actions on portals share: their base inputs, what a profile adds to a manifest, values in and out.

use super::manifest::{input, output};
use super::rows::read_dates;
use super::{CountedOn, InputSpec, Inputs, Manifest, OutputSpec, Outputs, ReadCx, WriteCx, hands};

use crate::backend::profile::{Hands, ObserveBy, Operation, OperationSpec, Profile};
use crate::backend::{BackendError, CaRead, Gives, PinFlags, Progress, Request, Row, Session, on_token};
use crate::dsl::{CertInfo, Proof, ProofBy, ProofKind, RoleKind, Type, Value, fold, read_scalar};
use crate::text::{Phrase, Text};

/// Codes of a portal's reads.
pub(super) const READ_CODES: &[&str] = &[
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.MANY_ROWS",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.NO_ROW",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.SESSION_EXPIRED",
];

/// Codes of a portal's writes that cannot be repeated.
pub(super) const WRITE_CODES: &[&str] = &[
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.REDIRECTED_WRITE",
    "PORTAL.REFUSED",
    "PORTAL.RESULT_UNKNOWN",
    "PORTAL.SESSION_EXPIRED",
    "STEP.UNCERTAIN",
];

/// Codes of a portal's writes that cannot be repeated and that may take secrets, with these besides; in order.
pub(super) fn write_codes(besides: &[&'static str]) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = WRITE_CODES.iter().chain(&["SECRET.MISSING", "SECRET.UNFIT"]).chain(besides).copied().collect();
    codes.sort_unstable();
    codes
}

/// Codes of receiving a file.
pub(super) const FILE_CODES: &[&str] = &[
    "FOLDER.FULL",
    "KEY.UNUSABLE",
    "NET.UNREACHABLE",
    "NET.UNTRUSTED",
    "PORTAL.BUSY",
    "PORTAL.CERT_REJECTED",
    "PORTAL.CLOSED",
    "PORTAL.FILE_BAD",
    "PORTAL.MANY_ROWS",
    "PORTAL.NEEDS_SCRIPT",
    "PORTAL.NO_ROW",
    "PORTAL.PAGE_UNKNOWN",
    "PORTAL.REFUSED",
    "PORTAL.SESSION_EXPIRED",
    "PORTAL.WRONG_ID",
    "SECRET.MISSING",
    "SECRET.UNFIT",
];

/// How receiving is observed: it is simply repeated.
pub(super) const FILE_OBSERVE: Phrase = Phrase {
    ja: "記録に受け取ったファイルがあるか。無ければ、もう一度受け取る",
    en: "whether the journal has the received file; if not, it is received again",
};

/// The portal's role. May be left out in a playbook that has one role whose profile has the operation.
pub(super) fn role_input() -> InputSpec {
    input("portal", Type::Role(RoleKind::Ca), "サイトの役割。1つしかなければ省けます。", "the portal's role; may be left out when there is one.")
}

/// The client certificate.
pub(super) fn client_input() -> InputSpec {
    input("client_cert", Type::Cert.optional(), "サイトに入るときに使う証明書。", "the certificate that the site is entered with.")
}

/// The login of the token that holds the client certificate's key: every operation that a site may be entered with a certificate for
/// takes one.
pub(super) fn with_token_session(mut manifest: Manifest) -> Manifest {
    let client = manifest.inputs.iter().position(|input| input.name == "client_cert").filter(|_| manifest.operation.is_some());
    if let Some(at) = client {
        let session = input(
            "session",
            Type::TokenSession.optional(),
            "証明書の鍵がUSBキーの中にあるとき、それを開いたもの。",
            "the opened token that holds the certificate's key.",
        );
        manifest.inputs.insert(at + 1, session);
    }
    manifest
}

/// The received file.
pub(super) fn file_output() -> OutputSpec {
    output("file", Type::File, "受け取った証明書ファイル。", "the received certificate file.").shown_once()
}

impl Manifest {
    /// The manifest of a portal operation with what a profile says of it: `takes` as inputs, `gives` as outputs,
    /// the client certificate required where the operation needs one, `proof` sure where a `signed_in` marker is read.
    /// `None` if the profile does not have the operation, or the action is none.
    pub fn with_profile(&self, profile: &Profile) -> Option<Manifest> {
        let operation = self.operation?;
        let spec = profile.operations.get(&operation)?;
        let mut manifest = self.clone();
        manifest.repeatable = operation.repeatable() && spec.repeatable;
        manifest.spends_attempt |= spec.tries.is_some();
        if spec.needs_sign_in {
            manifest.inputs.push(input("web", Type::WebSession, "ログインした画面。", "the session that is signed in."));
        }
        for known in &mut manifest.inputs {
            if known.name == "client_cert" && spec.client_cert {
                known.ty = Type::Cert;
            }
        }
        for known in &mut manifest.outputs {
            if known.name == "proof" && spec.client_cert && spec.pages.iter().any(|page| page.signed_in.is_some()) {
                known.ty = Type::Proof;
            }
        }
        for (name, ty) in &spec.takes {
            manifest.inputs.retain(|known| known.name != *name);
            manifest.inputs.push(input(name, ty.clone(), "画面に入れる値。", "a value for the page."));
        }
        let columns = observed_columns(profile, spec);
        for (name, ty) in &spec.gives {
            let given = output(name, ty.clone(), "画面に出る値。", "a value shown on the page.");
            let recoverable = operation.is_read() || columns.iter().any(|column| column == name) && !ty.is_secret();
            manifest.outputs.retain(|known| known.name != *name);
            manifest.outputs.push(if recoverable { given } else { given.shown_once() });
        }
        Some(manifest)
    }
}

/// Names of the columns that the look after an operation shows.
fn observed_columns(profile: &Profile, spec: &OperationSpec) -> Vec<String> {
    let look: Option<Operation> = match spec.observe {
        ObserveBy::Look(operation) => Some(operation),
        ObserveBy::Nothing => None,
    };
    let pages = look.and_then(|operation| profile.operations.get(&operation)).map_or(&[][..], |look| &look.pages);
    pages.iter().filter_map(|page| page.rows.as_ref()).flat_map(|rows| rows.columns.iter().map(|(name, _)| name.clone())).collect()
}

/// The portal that the step works on.
pub(super) fn ca<'a>(cx: &ReadCx<'a>, inputs: &Inputs) -> Result<&'a dyn CaRead, BackendError> {
    cx.backends.ca(inputs.role("portal").ok_or_else(|| Inputs::unknown("portal"))?)
}

/// What the profile says of an operation.
pub(super) fn spec(profile: &Profile, operation: Operation) -> Result<&OperationSpec, BackendError> {
    profile.operations.get(&operation).ok_or_else(|| {
        BackendError::new(
            "BACKEND.UNSUPPORTED",
            Text::new(
                format!("プロファイル {} に {operation} がありません。", profile.id),
                format!("profile `{}` has no operation `{operation}`.", profile.id),
            ),
        )
    })
}

/// Carries out a reading operation in the session of this attempt.
pub(super) fn look(cx: &ReadCx<'_>, inputs: &Inputs, operation: Operation) -> Result<Gives, BackendError> {
    let ca = ca(cx, inputs)?;
    if ca.hands(operation) == Hands::Person {
        return hands::work(cx, inputs, ca, operation);
    }
    let spec = spec(ca.profile(), operation)?;
    let request = request(cx, inputs, spec)?;
    let work = |session: &mut dyn Session| ca.look(&cx.call, session, operation, &request);
    let gives = match inputs.live("web") {
        Some(name) => cx.sessions.with_live(name, work)?,
        None => cx.sessions.with(cx, ca, client(inputs, spec)?, inputs.live("session"), work)?,
    };
    cx.sessions.saw_date(gives.date);
    Ok(gives)
}

/// Carries out a writing operation in the session of this attempt, once.
pub(super) fn send(cx: &WriteCx<'_>, inputs: &Inputs, operation: Operation) -> Result<Progress<Gives>, BackendError> {
    let role = inputs.role("portal").ok_or_else(|| Inputs::unknown("portal"))?;
    let ca = cx.writes.ca(role)?;
    if ca.hands(operation) == Hands::Person {
        return hands::work(&cx.read, inputs, ca, operation).map(Progress::Done);
    }
    let spec = spec(ca.profile(), operation)?;
    let request = request(&cx.read, inputs, spec)?;
    let work = |session: &mut dyn Session| ca.send(&cx.read.call, session, operation, &request, &mut *cx.sink.borrow_mut());
    match inputs.live("web") {
        Some(name) => cx.read.sessions.with_live(name, work),
        None => cx.read.sessions.with(&cx.read, ca, client(inputs, spec)?, inputs.live("session"), work),
    }
}

/// Carries out an operation that commits, once, and reads its outputs.
pub(super) fn commit(cx: &WriteCx<'_>, inputs: &Inputs, operation: Operation) -> Result<Progress<Outputs>, BackendError> {
    let spec = spec(ca(&cx.read, inputs)?.profile(), operation)?;
    match send(cx, inputs, operation)? {
        // The request is in: whatever cannot be read now must be looked up, never sent again.
        Progress::Done(gives) => Ok(Progress::Done(outputs(spec, &gives, "PORTAL.RESULT_UNKNOWN")?)),
        Progress::Pending { retry_after, cookie } => Ok(Progress::Pending { retry_after, cookie }),
    }
}

/// Whether the portal is there and shows its page as the profile says, for a dry run. An operation without a client
/// certificate cannot use a probe that needs one, and a site that is not trusted yet cannot be probed: then nothing is looked at.
pub(super) fn preflight(cx: &ReadCx<'_>, inputs: &Inputs, operation: Operation) -> Result<(), BackendError> {
    let ca = ca(cx, inputs)?;
    let own = spec(ca.profile(), operation)?;
    for (name, ty) in own.takes.iter().filter(|(_, ty)| ty.is_secret()) {
        if let Some(reference) = inputs.0.get(name)
            && let Some(value) = cx.secrets.unattended(reference)?
        {
            fits(ty, name, value.expose_text().unwrap_or_default())?;
        }
    }
    let by_engine = ca.hands(operation) == Hands::Engine && ca.hands(Operation::Probe) == Hands::Engine;
    let probe = ca.profile().operations.get(&Operation::Probe);
    let Some(probe) = probe.filter(|probe| by_engine && !own.trust_none && (own.client_cert || !probe.client_cert)) else { return Ok(()) };
    if client(inputs, probe)?.is_some_and(|cert| on_token(&cert.holder).is_some()) && !inputs.has("session") {
        return Err(Inputs::unknown("session"));
    }
    let gives = look(cx, inputs, Operation::Probe)?;
    if gives.missing.is_empty() {
        return Ok(());
    }
    let missing = gives.missing.join("、");
    Err(BackendError::new(
        "PORTAL.PAGE_UNKNOWN",
        Text::new(format!("画面に見当たらない言葉があります: {missing}"), format!("labels not found on the page: {missing}")),
    ))
}

/// The account that failed tries are counted on: the value of the profile's `tries` parameter at this address.
pub(super) fn counted_on(cx: &ReadCx<'_>, inputs: &Inputs, operation: Operation) -> Result<Option<CountedOn>, BackendError> {
    let ca = ca(cx, inputs)?;
    let Some(parameter) = &spec(ca.profile(), operation)?.tries else { return Ok(None) };
    let user = inputs.0.get(parameter).and_then(typed).ok_or_else(|| Inputs::unknown(parameter))?;
    let address = ca.id().split_once('@').map_or(ca.id(), |(_, address)| address);
    Ok(Some(CountedOn { device: format!("account:{user}@{address}"), flags: PinFlags::default(), stopped: "LOGIN.STOPPED" }))
}

/// Everything that the operation takes is there and of its type.
pub(super) fn check_value(cx: &ReadCx<'_>, inputs: &Inputs, operation: Operation) -> Result<(), BackendError> {
    request(cx, inputs, spec(ca(cx, inputs)?.profile(), operation)?).map(|_| ())
}

/// The proof that a site accepted the client certificate, where its `signed_in` marker was read. Its key came from the certificate's
/// holder: `Sessions` takes it nowhere else. A person's proof is of the time they answered, however much later it is taken up.
pub(super) fn proof(cx: &ReadCx<'_>, inputs: &Inputs, operation: Operation, gives: &Gives) -> Result<Option<Value>, BackendError> {
    let (Some(cert), Some(marker)) = (inputs.cert("client_cert"), &gives.signed_in) else { return Ok(None) };
    let (by, at) = match ca(cx, inputs)?.hands(operation) {
        Hands::Engine => (ProofBy::Engine, cx.wall),
        Hands::Person => (ProofBy::Person, gives.date.unwrap_or(cx.wall)),
    };
    Ok(Some(Value::Proof(Box::new(Proof {
        thumbprint: cert.sha1.clone(),
        sha256: cert.sha256.clone(),
        holder: cert.holder.clone(),
        kind: ProofKind::Accepted,
        by,
        evidence: marker.clone(),
        at,
    }))))
}

/// The client certificate of an operation; `None` where it uses none.
pub(super) fn client<'a>(inputs: &'a Inputs, spec: &OperationSpec) -> Result<Option<&'a CertInfo>, BackendError> {
    match inputs.cert("client_cert") {
        None if spec.client_cert => Err(Inputs::unknown("client_cert")),
        given => Ok(given),
    }
}

/// What the operation takes, as it is typed into the page.
fn request(cx: &ReadCx<'_>, inputs: &Inputs, spec: &OperationSpec) -> Result<Request, BackendError> {
    let mut request = Request::default();
    for (name, ty) in &spec.takes {
        match inputs.0.get(name) {
            None if ty.is_optional() => {}
            None => return Err(Inputs::unknown(name)),
            Some(reference) if ty.is_secret() => {
                let value = cx.secrets.value(reference)?;
                fits(ty, name, value.expose_text().unwrap_or_default())?;
                request.secret.insert(name.clone(), value);
            }
            Some(Value::File(file)) => {
                request.files.insert(name.clone(), (file.name.clone(), cx.blobs.read(file)?));
            }
            Some(value) => {
                request.plain.insert(name.clone(), typed(value).ok_or_else(|| Inputs::unknown(name))?);
            }
        }
    }
    Ok(request)
}

/// A secret is checked against its type before anything is sent.
fn fits(ty: &Type, name: &str, value: &str) -> Result<(), BackendError> {
    read_scalar(ty, value).map(|_| ()).map_err(|error| {
        BackendError::new("SECRET.UNFIT", Text::new(format!("{name}: {}", error.why.ja), format!("`{name}`: {}", error.why.get(crate::text::Lang::En))))
    })
}

pub(super) fn typed(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.clone()),
        Value::Text(text) => Some(text.ja.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Date(date) => Some(date.to_string()),
        Value::DateTime(at) => Some(at.to_string()),
        _ => None,
    }
}

/// The outputs that the profile's `gives` declares, read by their types. What is missing or has another shape, unless it
/// is optional, is an error of this code.
pub(super) fn outputs(spec: &OperationSpec, gives: &Gives, code: &str) -> Result<Outputs, BackendError> {
    let mut outputs = Outputs::new();
    for (name, ty) in &spec.gives {
        let value = if ty.is_secret() {
            gives.secret.get(name).map(|reference| Value::Secret(reference.clone()))
        } else {
            gives.plain.get(name).and_then(|texts| read(ty, texts))
        };
        match value {
            Some(value) => {
                outputs.insert(name.clone(), value);
            }
            None if ty.is_optional() => {}
            None => {
                return Err(BackendError::new(
                    code,
                    Text::new(format!("画面の {name} を {ty} として読めません。"), format!("`{name}` on the page cannot be read as {ty}.")),
                ));
            }
        }
    }
    Ok(outputs)
}

/// The outputs among the profile's `gives` that a row of a list shows.
pub(super) fn outputs_of_row(spec: &OperationSpec, row: &Row) -> Outputs {
    let shown = spec.gives.iter().filter(|(_, ty)| !ty.is_secret());
    shown.filter_map(|(name, ty)| Some((name.clone(), read(ty, std::slice::from_ref(row.columns.get(name)?))?))).collect()
}

/// Texts of a page as a value of a type; dates in the spellings of Japanese pages.
fn read(ty: &Type, texts: &[String]) -> Option<Value> {
    match ty.required() {
        Type::List(inner) => texts.iter().map(|text| read(inner, std::slice::from_ref(text))).collect::<Option<Vec<_>>>().map(Value::List),
        Type::Date => read_dates(texts.first()?).into_iter().next().map(Value::Date),
        inner => read_scalar(inner, &fold(inner, texts.first()?.trim())).ok(),
    }
}
