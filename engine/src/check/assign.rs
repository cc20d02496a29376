//! Which values fit into which inputs.

use crate::dsl::Type;

/// Whether a value of type `from` fits where `to` is asked for. An optional value fits into a required place: the step is
/// skipped when it is absent.
pub(super) fn assignable(from: &Type, to: &Type) -> bool {
    match (from.required(), to.required()) {
        (Type::Secret(from), Type::Secret(to)) => assignable(from, to),
        (Type::Secret(_), _) | (_, Type::Secret(_)) => false,
        (Type::List(from), Type::List(to)) | (Type::Map(from), Type::Map(to)) => assignable(from, to),
        (Type::Enum(from), Type::Enum(to)) => from.iter().all(|word| to.contains(word)),
        (from, Type::String | Type::Glob) => machine_text(from),
        (from, Type::Text) => machine_text(from) || *from == Type::Text,
        (Type::Digits(_) | Type::Hex | Type::Url | Type::Duration, Type::Ascii) => true,
        (from, to) => from == to,
    }
}

fn machine_text(ty: &Type) -> bool {
    matches!(ty, Type::String | Type::Ascii | Type::Hex | Type::Url | Type::Glob | Type::Digits(_) | Type::Enum(_) | Type::Duration)
}

/// Whether a value can stand inside a text for people.
pub(super) fn printable(ty: &Type) -> bool {
    machine_text(ty.required()) || matches!(ty.required(), Type::Text | Type::Int | Type::Bool | Type::Date | Type::DateTime)
}
