//! A plugin's memory of a camera from one run to the next, through the contract's `baseline` import. The memory is
//! typed, its layout has a version, and [`References`] keeps day and night apart.
//!
//! The bytes may come from another version of the plugin. Bytes with another layout count as no baseline; they are
//! never an error. A native build has no memory unless a test provides one; see [`crate::testing::CameraMemory`].

mod light;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use light::Light;

/// The first bytes of every baseline that this module writes.
const MAGIC: [u8; 4] = *b"ESB1";
/// The size of the header: magic, layout and checksum.
const HEADER_BYTES: usize = 4 + 2 + 4;

/// A type that a plugin remembers. Keep it small: the host grants 256 KiB by default.
pub trait Remembered: Serialize + DeserializeOwned {
    /// The version of the type's layout. Increase it whenever the type, or the meaning of its content, changes. A
    /// baseline of another version is then ignored.
    const LAYOUT: u16;
}

/// The error of a memory that is too large. The bytes stored before are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// The number of bytes that were to be stored.
    pub wanted: usize,
    /// The number of bytes that the host grants.
    pub granted: usize,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a baseline of {} bytes is too large: {} are granted", self.wanted, self.granted)
    }
}

impl std::error::Error for TooLarge {}

/// Loads the value that the last successful run of this plugin on this camera stored. Returns none at the first run,
/// without a camera, and if the bytes have another layout or are damaged.
#[must_use]
pub fn load<T: Remembered>() -> Option<T> {
    decode(&memory::load()?)
}

/// Stores a value for the next run. If this run succeeds, the value replaces the one before.
///
/// # Errors
///
/// [`TooLarge`] if the host grants fewer bytes.
pub fn store<T: Remembered>(value: &T) -> Result<(), TooLarge> {
    let bytes = encode(value);
    memory::store(&bytes).map_err(|granted| TooLarge { wanted: bytes.len(), granted })
}

fn encode<T: Remembered>(value: &T) -> Vec<u8> {
    // Only a type that refuses to be serialised fails here. The payload is then empty, and no run accepts it as a
    // baseline.
    let payload = postcard::to_allocvec(value).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&T::LAYOUT.to_le_bytes());
    bytes.extend_from_slice(&checksum(T::LAYOUT, &payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

fn decode<T: Remembered>(bytes: &[u8]) -> Option<T> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (layout, rest) = rest.split_first_chunk::<2>()?;
    let (sum, payload) = rest.split_first_chunk::<4>()?;
    let intact = *magic == MAGIC
        && u16::from_le_bytes(*layout) == T::LAYOUT
        && u32::from_le_bytes(*sum) == checksum(T::LAYOUT, payload);
    if !intact {
        return None;
    }
    postcard::from_bytes(payload).ok()
}

/// Computes FNV-1a over layout and payload. It detects damage. It does not detect tampering, which the host
/// prevents.
fn checksum(layout: u16, payload: &[u8]) -> u32 {
    layout
        .to_le_bytes()
        .iter()
        .chain(payload)
        .fold(0x811C_9DC5, |sum: u32, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A few references for each light. A reference is what a plugin stores about the camera's view, to compare later
/// pictures with. A camera that turns has a reference for each preset; a fixed camera has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct References<R> {
    day: Vec<R>,
    night: Vec<R>,
}

impl<R> Default for References<R> {
    fn default() -> Self {
        Self { day: Vec::new(), night: Vec::new() }
    }
}

impl<R> References<R> {
    /// Returns the references of a light. The reference that was kept last comes first.
    #[must_use]
    pub fn of(&self, light: Light) -> &[R] {
        match light {
            Light::Day => &self.day,
            Light::Night => &self.night,
        }
    }

    /// Keeps a reference. The new reference replaces the reference at `replacing`, or is added if `replacing` is
    /// none. It becomes the first of its light. If the light then has more than `most` references, the one that was
    /// kept longest ago is dropped.
    pub fn keep(&mut self, light: Light, replacing: Option<usize>, reference: R, most: usize) {
        let references = match light {
            Light::Day => &mut self.day,
            Light::Night => &mut self.night,
        };
        if let Some(at) = replacing.filter(|&at| at < references.len()) {
            references.remove(at);
        }
        references.insert(0, reference);
        references.truncate(most);
    }
}

/// The contract's import.
#[cfg(target_arch = "wasm32")]
mod memory {
    use crate::bindings::easysight::diagnosis::baseline;

    pub(super) fn load() -> Option<Vec<u8>> {
        baseline::load()
    }

    pub(super) fn store(bytes: &[u8]) -> Result<(), usize> {
        baseline::store(bytes).map_err(|granted| granted as usize)
    }
}

/// The replacement of the import in a native build, which has no host.
#[cfg(not(target_arch = "wasm32"))]
mod memory {
    pub(super) use crate::testing::{load_baseline as load, store_baseline as store};
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Seen {
        runs: u32,
        tiles: Vec<u8>,
        note: Option<String>,
    }

    impl Remembered for Seen {
        const LAYOUT: u16 = 3;
    }

    /// The type of a later version of the plugin.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct SeenLater(u32, Vec<u8>, Option<String>);

    impl Remembered for SeenLater {
        const LAYOUT: u16 = 4;
    }

    fn seen() -> impl Strategy<Value = Seen> {
        (any::<u32>(), prop::collection::vec(any::<u8>(), 0..200), prop::option::of(".{0,9}"))
            .prop_map(|(runs, tiles, note)| Seen { runs, tiles, note })
    }

    proptest! {
        #[test]
        fn what_is_remembered_comes_back(seen in seen()) {
            prop_assert_eq!(decode::<Seen>(&encode(&seen)), Some(seen));
        }

        #[test]
        fn what_another_version_wrote_is_no_baseline(seen in seen()) {
            prop_assert_eq!(decode::<SeenLater>(&encode(&seen)), None);
        }

        #[test]
        fn damaged_bytes_are_no_baseline(seen in seen(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let mut bytes = encode(&seen);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_eq!(decode::<Seen>(&bytes), None);
            bytes[at] ^= flip;
            prop_assert_eq!(decode::<Seen>(&bytes[..at]), None);
        }

        #[test]
        fn arbitrary_bytes_are_no_baseline(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(decode::<Seen>(&bytes), None);
        }
    }

    #[test]
    fn a_payload_that_lies_of_its_length_is_no_baseline() {
        // The length field states four billion tiles, but no tiles follow.
        let payload = [1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
        let mut bytes = MAGIC.to_vec();
        bytes.extend(Seen::LAYOUT.to_le_bytes());
        bytes.extend(checksum(Seen::LAYOUT, &payload).to_le_bytes());
        bytes.extend(payload);
        assert_eq!(decode::<Seen>(&bytes), None);
    }

    #[test]
    fn day_and_night_are_kept_apart() {
        let mut references = References::default();
        references.keep(Light::Day, None, 'd', 3);
        references.keep(Light::Night, None, 'n', 3);
        assert_eq!((references.of(Light::Day), references.of(Light::Night)), (&['d'][..], &['n'][..]));
    }

    #[test]
    fn the_reference_kept_longest_ago_is_forgotten_first() {
        let mut references = References::default();
        for preset in ['a', 'b', 'c'] {
            references.keep(Light::Day, None, preset, 3);
        }
        // The camera returns to `a`, whose reference is renewed, and then turns to a fourth place.
        references.keep(Light::Day, Some(2), 'A', 3);
        references.keep(Light::Day, None, 'd', 3);
        assert_eq!(references.of(Light::Day), ['d', 'A', 'c']);
    }
}
