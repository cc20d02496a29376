//! A proof must be about the replacement: one about the very certificate that is destroyed proves nothing.

use std::collections::BTreeSet;

use super::origins::{Origin, Origins};
use super::rules::Graph;
use super::{BoundAction, What};
use crate::action::Effect;
use crate::dsl::Type;
use crate::text::{Diagnostic, Text};

/// Reports irreversible steps whose proof was made with what they destroy.
pub(super) fn of_what_is_destroyed(graph: &Graph<'_>) -> Vec<Diagnostic> {
    let checked = graph.checked;
    let origins = Origins { frames: &checked.frames, steps: &checked.steps };
    let certs = |frame: usize, action: &BoundAction| -> BTreeSet<Origin> {
        let inputs = action.manifest.inputs.iter().filter(|input| *input.ty.required() == Type::Cert);
        inputs.filter_map(|input| action.with.get(&input.name)).flat_map(|binding| origins.of_binding(frame, binding)).collect()
    };
    let mut found = vec![];
    for (index, step) in checked.steps.iter().enumerate() {
        let What::Action(action) = &step.what else { continue };
        let proof = action.manifest.inputs.iter().find(|input| input.ty == Type::Proof);
        let Some(binding) = proof.filter(|_| action.manifest.effect == Effect::Irreversible).and_then(|input| action.with.get(&input.name)) else { continue };
        let destroyed = certs(step.frame, action);
        for (maker, _) in origins.of_binding(step.frame, binding) {
            let proving = &checked.steps[maker];
            let What::Action(proves) = &proving.what else { continue };
            let proved = certs(proving.frame, proves);
            if proved.is_empty() || !proved.is_subset(&destroyed) {
                continue;
            }
            let what = Text::new(
                format!("手順「{}」の証明は、消そうとしている証明書そのもので作られています。", proving.address),
                format!("the proof of `{}` was made with the very certificate that is destroyed.", proving.address),
            );
            let cure = Text::new("代わりの新しい証明書で作った証明を渡してください。", "give the proof that was made with its replacement.");
            let place = graph.place_of(step.frame, binding).unwrap_or_else(|| graph.place(index));
            let label = Text::new("この証明", "this proof");
            found.push(Diagnostic::error("CHECK.PROOF_OF_DELETED", place, what).cure(cure).related(graph.place(maker), label));
        }
    }
    found
}
