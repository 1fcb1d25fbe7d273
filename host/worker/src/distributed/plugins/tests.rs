//! Tests plugins that several jobs need at the same time.

use easysight_protocol::KeySignature;
use easysight_trust::SecretKey;
use futures::future::join_all;

use super::*;
use crate::distributed::{
    download::tests::{Script, whole},
    tests::sandbox,
};

/// Bytes that are not a plugin, so that loading ends before anything is compiled.
const BYTES: &[u8] = b"no component";

fn cache(script: &Script, dir: &std::path::Path) -> PluginCache {
    trusting(script, dir, None)
}

fn trusting(script: &Script, dir: &std::path::Path, keys: Option<TrustedKeys>) -> PluginCache {
    let store = PluginStore::open(dir).unwrap();
    PluginCache::with(Loader { downloads: script.downloads(dir), sandbox: sandbox(), keys, store })
}

fn is_unusable_as(error: &FetchError) -> bool {
    matches!(error, FetchError::Load(LoadError::NotAComponent(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_want_the_same_plugin_share_one_download_and_what_comes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let script = Script::start(vec![whole(BYTES), whole(BYTES)]).await;
    let cache = cache(&script, dir.path());
    let digest = Digest::of(BYTES);
    for told in join_all((0..8).map(|_| cache.get(digest))).await {
        assert!(is_unusable_as(&told.unwrap_err()));
    }
    assert_eq!(script.asked().len(), 1);
    assert!(dir.path().join(format!("{digest}.wasm")).is_file());
    assert!(cache.summaries().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_to_fetch_is_not_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let gone = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    let script = Script::start(vec![gone, whole(BYTES)]).await;
    let cache = cache(&script, dir.path());
    let digest = Digest::of(BYTES);
    assert!(matches!(&*cache.get(digest).await.unwrap_err(), FetchError::Call(_)));
    assert!(is_unusable_as(&cache.get(digest).await.unwrap_err()));
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_a_person_dropped_is_found_by_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine.wasm"), BYTES).unwrap();
    let script = Script::start(Vec::new()).await;
    assert!(is_unusable_as(&cache(&script, dir.path()).get(Digest::of(BYTES)).await.unwrap_err()));
    assert_eq!(script.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_what_nobody_trusted_vouches_for_is_even_looked_at() {
    let (dir, digest) = (tempfile::tempdir().unwrap(), Digest::of(BYTES));
    let (trusted, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
    let file = dir.path().join("trusted");
    std::fs::write(&file, trusted.public().to_string()).unwrap();
    std::fs::write(dir.path().join("mine.wasm"), BYTES).unwrap();
    let signed = |key: &SecretKey| {
        let one =
            KeySignature { key: key.public().to_string(), descriptor: "{}".into(), signature: "AA==".into() };
        let signed = PluginSignature { digest: digest.to_string(), signatures: vec![one] };
        whole(serde_json::to_string(&signed).unwrap().as_bytes())
    };
    let nobody = whole(format!(r#"{{"digest": "{digest}", "signatures": []}}"#).as_bytes());
    let script = Script::start(vec![nobody, signed(&other), signed(&trusted)]).await;
    let cache = trusting(&script, dir.path(), Some(TrustedKeys::read(&file).unwrap()));
    for expected in ["plugin-unsigned", "plugin-key-unknown", "plugin-signature-forged"] {
        let refused = cache.get(digest).await.unwrap_err();
        assert!(matches!(&*refused, FetchError::Untrusted(_)), "{refused}");
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
}

#[tokio::test]
async fn the_one_that_was_not_used_for_longest_makes_room() {
    let slot = |ended: bool, used: Instant| {
        let pending = async move {
            if !ended {
                std::future::pending::<()>().await;
            }
            let error = Arc::new(FetchError::Defect(String::new()));
            Err(Arc::new(Unavailable { error, until: used }))
        };
        let loading = pending.boxed().shared();
        drop(loading.clone().now_or_never());
        Slot { loading, used }
    };
    let digest = |n: usize| Digest::of(&n.to_le_bytes());
    let start = Instant::now();
    // The oldest plugin of all is still loading.
    let mut slots: HashMap<_, _> =
        (0..MAX_LOADED).map(|n| (digest(n), slot(n > 0, start + Duration::from_secs(n as u64)))).collect();
    make_room(&mut slots);
    assert_eq!(slots.len(), MAX_LOADED - 1);
    assert!(slots.contains_key(&digest(0)) && !slots.contains_key(&digest(1)));
}
