//! `require`, `expect` and `repeat`.

use super::bind::Binder;
use super::{Condition, Guard, Repeat};
use crate::action::Effect;
use crate::dsl::playbook::{GuardSpec, StepSpec};
use crate::text::{Diagnostic, Text};

/// The guards of a list that are right.
pub(super) fn guards(binder: &mut Binder<'_>, specs: &[GuardSpec]) -> Vec<Guard> {
    let frame = binder.scope.frame;
    specs
        .iter()
        .filter_map(|spec| {
            let expr = binder.condition(&spec.that);
            let say = binder.words(&spec.say);
            let that = Condition { frame, expr: expr?, text: spec.that.scalar.text.clone() };
            Some(Guard { that, say: say?, code: spec.code.clone(), then: spec.then })
        })
        .collect()
}

/// `repeat`, which only reads may have.
pub(super) fn repeat(binder: &mut Binder<'_>, spec: &StepSpec, effect: Option<Effect>) -> Option<Repeat> {
    let asked = spec.repeat.as_ref()?;
    if effect != Some(Effect::Read) {
        let what = Text::new("repeat は、見るだけの手順にしか付けられません。", "`repeat` is for steps that only read.");
        let cure = Text::new("見るだけの手順(ca.status など)に分けてください。", "make a reading step of it, such as ca.status.");
        binder.found.push(Diagnostic::error("CHECK.REPEAT_WRITES", binder.source.place(asked.key), what).cure(cure));
    }
    let expr = binder.condition(&asked.until)?;
    let until = Condition { frame: binder.scope.frame, expr, text: asked.until.scalar.text.clone() };
    Some(Repeat { until, every: asked.every, slow_to: asked.slow_to, within: asked.within })
}
