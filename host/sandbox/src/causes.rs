//! Reads and checks the export `causes` of the contract, which is optional. With this export, a plugin declares which
//! findings of other diagnoses its own findings explain. The types are those of `wit/causes.wit`. The declaration is
//! checked before it is used.

use wasmtime::{
    Store,
    component::{Component, ComponentType, Instance as Linked, Lift},
};

use crate::{
    LoadError,
    bindings::easysight::diagnosis::types::Descriptor,
    contract::Contract,
    imports::Instance,
    report::{at_most, check_id, is_diagnosis_char},
};

const MAX_EXPLANATIONS: usize = 64;
const MAX_CONSEQUENCES: usize = 64;

/// A finding that follows from another finding.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Consequence {
    /// The id of the finding's diagnosis. The diagnosis may belong to any plugin, and the plugin need not be
    /// installed.
    pub diagnosis: String,
    /// The finding follows only if this metric decided the finding. If this is `None`, any metric may have decided the
    /// finding.
    #[component(name = "decided-by")]
    pub decided_by: Option<String>,
}

/// The set of findings that follow.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(variant)]
pub enum Extent {
    /// All other findings, because the picture shows no scene.
    #[component(name = "everything")]
    Everything,
    /// Only these findings.
    #[component(name = "these")]
    These(Vec<Consequence>),
}

/// The consequences of a finding that is not normal.
#[derive(Debug, Clone, PartialEq, Eq, ComponentType, Lift)]
#[component(record)]
pub struct Explanation {
    /// The id of one of the plugin's diagnoses.
    pub diagnosis: String,
    /// The explanation holds only if this metric decided the finding. If this is `None`, any metric may have decided
    /// the finding.
    #[component(name = "decided-by")]
    pub decided_by: Option<String>,
    /// The findings that follow.
    pub explains: Extent,
}

/// Returns the name of a component's export `causes`, in the contract version that the component was built for. `None`
/// if the component does not have this export.
///
/// # Errors
///
/// [`LoadError::OtherContract`] if this host does not serve that version.
pub(crate) fn export_of(contract: &Contract, component: &Component) -> Result<Option<String>, LoadError> {
    let component_type = component.component_type();
    let mut exports = component_type.exports(component.engine());
    let Some((name, _)) = exports.find(|(name, _)| contract.is_interface(name, "causes")) else {
        return Ok(None);
    };
    contract.check_version(name)?;
    Ok(Some(name.to_owned()))
}

/// Calls `explanations` on an instance of a plugin.
pub(crate) async fn ask(
    export: &str,
    linked: &Linked,
    store: &mut Store<Instance>,
) -> wasmtime::Result<Vec<Explanation>> {
    let missing = || wasmtime::Error::msg(format!("`{export}` has no function `explanations`"));
    let interface = linked.get_export_index(&mut *store, None, export).ok_or_else(missing)?;
    let function = linked.get_export_index(&mut *store, Some(&interface), "explanations");
    let function =
        linked.get_typed_func::<(), (Vec<Explanation>,)>(&mut *store, function.ok_or_else(missing)?)?;
    function.call_async(&mut *store, ()).await.map(|(explanations,)| explanations)
}

/// Checks the explanations of a plugin.
///
/// # Errors
///
/// A message that names the first rule that the explanations break.
pub(crate) fn check(descriptor: &Descriptor, explanations: &[Explanation]) -> Result<(), String> {
    at_most("explanations", explanations.len(), MAX_EXPLANATIONS)?;
    for Explanation { diagnosis, decided_by, explains } in explanations {
        if descriptor.diagnoses.iter().all(|own| own.id != *diagnosis) {
            let shown: String = diagnosis.chars().take(80).collect();
            return Err(format!("its explanations name `{shown}`, which is not one of its diagnoses"));
        }
        check_metric(decided_by.as_deref())?;
        let Extent::These(consequences) = explains else { continue };
        at_most("consequences", consequences.len(), MAX_CONSEQUENCES)?;
        for consequence in consequences {
            check_id("the consequence", &consequence.diagnosis, is_diagnosis_char)?;
            check_metric(consequence.decided_by.as_deref())?;
            if consequence.diagnosis == *diagnosis {
                return Err(format!("`{diagnosis}` explains itself"));
            }
        }
    }
    Ok(())
}

fn check_metric(name: Option<&str>) -> Result<(), String> {
    name.map_or(Ok(()), |name| check_id("the metric", name, is_diagnosis_char))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::easysight::diagnosis::types::{ClipRequest, Diagnosis, Text};

    fn descriptor() -> Descriptor {
        let text = Text { zh: "画面".into(), en: "Picture".into() };
        Descriptor {
            name: "fog".into(),
            version: "1.2.0".into(),
            diagnoses: vec![Diagnosis { id: "fog".into(), title: text.clone(), description: text }],
            config_schema: r#"{"type":"object"}"#.into(),
            clip: ClipRequest { min_frames: 1, interval_ms: 0, span_ms: 0 },
        }
    }

    fn explains(diagnosis: &str, consequences: &[&str]) -> Explanation {
        let consequence = |id: &&str| Consequence { diagnosis: (*id).into(), decided_by: None };
        let explains = Extent::These(consequences.iter().map(consequence).collect());
        Explanation { diagnosis: diagnosis.into(), decided_by: None, explains }
    }

    /// Returns the reason why these explanations are refused.
    fn refused(explanations: &[Explanation]) -> String {
        check(&descriptor(), explanations).unwrap_err()
    }

    #[test]
    fn honest_explanations_pass() {
        let everything = Explanation {
            decided_by: Some("veil".into()),
            explains: Extent::Everything,
            ..explains("fog", &[])
        };
        check(&descriptor(), &[explains("fog", &["clarity", "of_somebody_else"]), everything]).unwrap();
        check(&descriptor(), &[]).unwrap();
    }

    #[test]
    fn lying_explanations_are_refused_with_the_rule() {
        assert!(refused(&[explains("blur", &["clarity"])]).contains("not one of its diagnoses"));
        assert!(refused(&[explains("fog", &["fog"])]).contains("explains itself"));
        assert!(refused(&[explains("fog", &["\u{1b}[2J"])]).contains("the consequence"));
        assert!(refused(&[explains("fog", &["clarity"; 65])]).contains("65 consequences"));
        assert!(refused(&vec![explains("fog", &[]); 65]).contains("65 explanations"));
        let by = Explanation { decided_by: Some("a b".into()), ..explains("fog", &[]) };
        assert!(refused(&[by]).contains("the metric"));
    }
}
