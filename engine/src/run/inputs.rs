//! Inputs of the root playbook: command line before program before site before default.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::backend::{BackendError, EntryInfo, Vault};
use crate::check::{Checked, InputDecl};
use crate::dsl::site::Site;
use crate::dsl::{Value, fold, read_scalar};
use crate::plan::{GivenInput, InputOrigin, Plan, private_from_secret, private_ref, private_to_secret};
use crate::secret::SecretRef;
use crate::text::{Place, Text};

/// An input that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct InputProblem {
    /// `INPUT.MISSING INPUT.UNFIT INPUT.UNKNOWN_NAME CLI.SECRET_IN_ARGV`
    pub code: &'static str,
    /// In the site file, if there.
    pub place: Option<Place>,
    /// What and why.
    pub what: Text,
    /// What to do.
    pub cure: Text,
}

/// What becomes of a required input that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingInputs {
    /// It is a problem.
    Refuse,
    /// Its example is used (rehearsals).
    UseExamples,
}

/// Gathers the inputs. `set` is what was typed (folded by type).
///
/// # Errors
/// Every problem at once.
pub fn gather_inputs(
    checked: &Checked,
    set: &BTreeMap<String, String>,
    site: &Site,
    missing: MissingInputs,
) -> Result<BTreeMap<String, GivenInput>, Vec<InputProblem>> {
    let mut problems = vec![];
    for name in set.keys() {
        if checked.secrets.iter().any(|secret| secret.name == *name) {
            problems.push(InputProblem {
                code: "CLI.SECRET_IN_ARGV",
                place: None,
                what: Text::new(
                    format!("{name} は秘密の値なので、--set では渡せません(他人に見えます)。"),
                    format!("`{name}` is a secret; arguments can be seen by others."),
                ),
                cure: Text::new(
                    format!("--secret-file {name}=ファイル を使うか、端末で聞かれたときに入れてください。"),
                    format!("use --secret-file {name}=FILE, or type it when asked."),
                ),
            });
        } else if !checked.inputs.iter().any(|input| input.name == *name) {
            let known: Vec<&str> = checked.inputs.iter().map(|input| input.name.as_str()).collect();
            problems.push(InputProblem {
                code: "INPUT.UNKNOWN_NAME",
                place: None,
                what: Text::new(format!("{name} という入力はありません。"), format!("there is no input `{name}`.")),
                cure: Text::new(format!("使える名前: {}", known.join("、")), format!("inputs: {}", known.join(", "))),
            });
        }
    }
    let mut given = BTreeMap::new();
    for input in &checked.inputs {
        match one(checked, input, set, site, missing) {
            Ok(Some(value)) => {
                given.insert(input.name.clone(), value);
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(given) } else { Err(problems) }
}

fn one(checked: &Checked, input: &InputDecl, set: &BTreeMap<String, String>, site: &Site, missing: MissingInputs) -> Result<Option<GivenInput>, InputProblem> {
    let unfit = |why: Text, place: Option<Place>| InputProblem {
        code: "INPUT.UNFIT",
        place,
        // Why it does not fit may say the value.
        what: match input.private {
            true => Text::new(
                format!("入力 {}({})が {} の形ではありません。", input.name, input.title.ja, input.ty.required()),
                format!("input `{}` is not {}.", input.name, input.ty.required()),
            ),
            false => Text::new(
                format!("入力 {}({})が {} の形ではありません。{}", input.name, input.title.ja, input.ty.required(), why.ja),
                format!("input `{}` is not {}: {}", input.name, input.ty.required(), why.get(crate::text::Lang::En)),
            ),
        },
        cure: match &input.example {
            Some(example) => Text::new(format!("例: {example}"), format!("for example {example}")),
            None => Text::default(),
        },
    };
    if let Some(typed) = set.get(&input.name) {
        let folded = fold(&input.ty, typed);
        let value = read_scalar(&input.ty, &folded).map_err(|error| unfit(error.why, None))?;
        return Ok(Some(GivenInput { value, origin: InputOrigin::Cli, folded: folded != *typed }));
    }
    let of_program = site.programs.get(&checked.program).and_then(|program| program.inputs.get(&input.name));
    if let Some(written) = of_program.or_else(|| site.inputs.get(&input.name)) {
        let value = read_scalar(&input.ty, &written.value).map_err(|error| unfit(error.why, Some(site.source.place(written.span))))?;
        return Ok(Some(GivenInput { value, origin: InputOrigin::Site, folded: false }));
    }
    if let Some(default) = &input.default {
        return Ok(Some(GivenInput { value: default.clone(), origin: InputOrigin::Default, folded: false }));
    }
    if let (MissingInputs::UseExamples, Some(example)) = (missing, &input.example) {
        let value = read_scalar(&input.ty, example).map_err(|error| unfit(error.why, None))?;
        return Ok(Some(GivenInput { value, origin: InputOrigin::Example, folded: false }));
    }
    if input.ty.is_optional() {
        return Ok(None);
    }
    Err(InputProblem {
        code: "INPUT.MISSING",
        place: None,
        what: Text::new(format!("入力 {}({})がありません。", input.name, input.title.ja), format!("input `{}` is missing.", input.name)),
        cure: Text::new(
            format!("--set {}=値 を付けるか、サイトファイルの inputs に書いてください。", input.name),
            format!("give --set {}=VALUE, or write it under `inputs` in the site file.", input.name),
        ),
    })
}

/// The inputs that a plan was made with. Private ones lie in the vault; without it, or when it cannot give them, they are left out.
pub fn inputs_from_json(checked: &Checked, plan: &Plan, vault: Option<&dyn Vault>) -> BTreeMap<String, Value> {
    let private = |input: &InputDecl, reference: &Json| {
        let reference = SecretRef::parse(reference.as_str()?)?;
        private_from_secret(input, &vault?.get(&reference).ok().flatten()?)
    };
    let inputs = checked.inputs.iter().filter_map(|input| {
        let planned = plan.inputs.get(&input.name)?;
        let value = if input.private { private(input, &planned.value)? } else { Value::from_json(&input.ty, &planned.value)? };
        Some((input.name.clone(), value))
    });
    inputs.collect()
}

/// Keeps the private inputs of a plan in the vault, where the plan says that they are: before the plan is saved or carried out.
///
/// # Errors
/// Of the vault.
pub fn keep_private(checked: &Checked, plan: &Plan, inputs: &BTreeMap<String, Value>, vault: &dyn Vault) -> Result<(), BackendError> {
    for input in checked.inputs.iter().filter(|input| input.private) {
        let Some(value) = inputs.get(&input.name) else { continue };
        let labels = BTreeMap::from([("plan".to_owned(), plan.plan_id.clone()), ("playbook".to_owned(), checked.id.clone())]);
        let info = EntryInfo {
            reference: private_ref(&plan.plan_id, &input.name),
            name: input.name.clone(),
            about: plan.plan_id.clone(),
            written_at: plan.created_at,
            labels,
        };
        vault.put(&info, &private_to_secret(value))?;
    }
    Ok(())
}
