//! Types generated from the contract in `wit/`. The files of the contract document the types.
#![expect(missing_docs, reason = "generated; the contract itself is documented")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    additional_derives: [PartialEq],
    exports: { default: async },
    with: { "easysight:diagnosis/video.clip": crate::imports::ClipHandle },
});
