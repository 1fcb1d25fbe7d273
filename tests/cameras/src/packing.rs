//! Packs a picture into the payloads of packets: by RFC 6184 and RFC 7798, or in the ways of cameras that deviate
//! from them.

/// The maximum number of bytes of a unit or fragment in a payload.
const ROOM: usize = 1_200;

/// A way to pack units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// One unit per packet, or fragments if the unit is too large.
    Plain,
    /// Small units share a packet.
    Together,
    /// A start code precedes each unit, as in a file.
    StartCodes,
    /// All units of a picture, joined with start codes, are sent as the fragments of one unit.
    WholePicture,
}

/// Returns the payloads of a picture in their order.
#[must_use]
pub(crate) fn payloads(units: &[Vec<u8>], packing: Packing, hevc: bool) -> Vec<Vec<u8>> {
    match packing {
        Packing::Plain => units.iter().flat_map(|unit| fragments(unit, hevc)).collect(),
        Packing::Together => together(units, hevc),
        Packing::StartCodes => units
            .iter()
            .flat_map(|unit| {
                let parts = fragments(unit, hevc);
                let whole = parts.len() == 1;
                parts.into_iter().map(move |part| if whole { [&[0, 0, 0, 1], &*part].concat() } else { part })
            })
            .collect(),
        Packing::WholePicture => {
            let first = units.first().map(Vec::as_slice).unwrap_or_default();
            let rest = units.iter().skip(1).flat_map(|unit| [&[0, 0, 0, 1], unit.as_slice()].concat());
            fragments(&first.iter().copied().chain(rest).collect::<Vec<u8>>(), hevc)
        }
    }
}

/// Returns a unit unchanged, or in fragments if it is too large.
fn fragments(unit: &[u8], hevc: bool) -> Vec<Vec<u8>> {
    let head = if hevc { 2 } else { 1 };
    if unit.len() <= ROOM {
        return vec![unit.to_vec()];
    }
    let (head, rest) = unit.split_at(head);
    let count = rest.chunks(ROOM).len();
    let flags = |at: usize| if at == 0 { 0x80 } else { 0 } | if at + 1 == count { 0x40 } else { 0 };
    let fragment = |(at, part): (usize, &[u8])| {
        let front = match head {
            [one, layer] => vec![one & 0x81 | 49 << 1, *layer, flags(at) | (one >> 1) & 0x3F],
            [one] => vec![one & 0xE0 | 28, flags(at) | one & 0x1F],
            _ => Vec::new(),
        };
        [&*front, part].concat()
    };
    rest.chunks(ROOM).enumerate().map(fragment).collect()
}

/// Packs small units into shared packets.
fn together(units: &[Vec<u8>], hevc: bool) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let front: &[u8] = if hevc { &[48 << 1, 1] } else { &[0x78] };
    let mut shared = front.to_vec();
    for unit in units {
        let length = u16::try_from(unit.len()).ok().filter(|_| unit.len() + shared.len() <= ROOM);
        match length {
            Some(length) => {
                shared.extend(length.to_be_bytes());
                shared.extend(unit);
            }
            None => {
                if shared.len() > front.len() {
                    payloads.push(std::mem::replace(&mut shared, front.to_vec()));
                }
                payloads.extend(fragments(unit, hevc));
            }
        }
    }
    if shared.len() > front.len() {
        payloads.push(shared);
    }
    payloads
}

/// Returns the payloads of a JPEG by RFC 2435. Only the JPEG's quantisation tables are sent, in the first packet. Its
/// other tables are not sent.
#[must_use]
pub(crate) fn jpeg_payloads(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let mut tables = Vec::new();
    let (mut width, mut height, mut kind) = (0_u16, 0_u16, 1_u8);
    let mut at = 2;
    let scan = loop {
        let Some([0xFF, marker, high, low]) = jpeg.get(at..at + 4) else { return Vec::new() };
        let end = at + 2 + usize::from(u16::from_be_bytes([*high, *low]));
        let Some(segment) = jpeg.get(at + 4..end) else { return Vec::new() };
        match (marker, segment) {
            (0xDB, segment) => tables.extend(segment.chunks(65).flat_map(|one| one.iter().skip(1).copied())),
            (0xC0, [_, h1, h0, w1, w0, _, _, sampling, ..]) => {
                height = u16::from_be_bytes([*h1, *h0]);
                width = u16::from_be_bytes([*w1, *w0]);
                kind = u8::from(*sampling == 0x22);
            }
            (0xDA, _) => break jpeg.get(end..jpeg.len().saturating_sub(2)).unwrap_or_default(),
            _ => {}
        }
        at = end;
    };
    // Both tables are sent, even if all components of the picture use the same one.
    if tables.len() == 64 {
        tables.extend(tables.clone());
    }
    let eighth = |side: u16| u8::try_from(side / 8).unwrap_or_default();
    let mut offset = 0_u32;
    let part = |part: &[u8]| {
        let [_, a, b, c] = offset.to_be_bytes();
        let mut payload = vec![0, a, b, c, kind, 255, eighth(width), eighth(height)];
        if offset == 0 {
            payload.extend([0, 0]);
            payload.extend(u16::try_from(tables.len()).unwrap_or_default().to_be_bytes());
            payload.extend(&tables);
        }
        payload.extend(part);
        offset += u32::try_from(part.len()).unwrap_or_default();
        payload
    };
    scan.chunks(ROOM).map(part).collect()
}
