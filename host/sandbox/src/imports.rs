//! Implements the imports of a plugin: the pixels of one clip, a small memory, a log. Every call costs fuel for
//! the bytes that it hands over, so the fuel limit also bounds the work of the host.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use easysight_capture::{Clip, PixelError as ClipPixelError, PlaneKind as ClipPlane, Rect as ClipRect};
use wasmtime::{
    StoreContextMut,
    component::{Linker, LinkerInstance, Resource, ResourceTable, ResourceType},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{
    bindings::easysight::diagnosis::{
        log::Level,
        video::{
            CameraClock, ClipInfo, DecoderEvidence, FrameInfo, PixelError, PlaneKind, Rect, SampleRange,
        },
    },
    contract::Contract,
    debt::{CALL_FUEL, Debt},
    limits::{Limits, Overrun, Quota},
    stop::Stop,
};

/// The fuel for one byte of RGB. A byte of RGB costs more than other bytes because RGB is computed, not copied.
pub(crate) const RGB_BYTE_FUEL: u64 = 4;

/// The host's side of a guest's `clip` handle. Every handle stands for the one clip of its store.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings name it in public")]
pub struct ClipHandle;

/// One line that a plugin wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The level that the plugin chose.
    pub level: tracing::Level,
    /// The text, without control characters and cut to the limit.
    pub text: String,
}

/// The state of one instance, from its start to its end.
pub(crate) struct Instance {
    pub(crate) clip: Option<Arc<Clip>>,
    pub(crate) quota: Quota,
    pub(crate) limits: Limits,
    pub(crate) deadline: Instant,
    pub(crate) stop: Stop,
    /// The unpaid fuel of WASI calls.
    pub(crate) debt: Debt,
    pub(crate) log: Vec<LogLine>,
    pub(crate) dropped_lines: u64,
    pub(crate) baseline: Option<Bytes>,
    pub(crate) new_baseline: Option<Bytes>,
    pub(crate) bytes_handed_over: u64,
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
}

impl WasiView for Instance {
    /// The engine calls this function at the beginning of every WASI call.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.debt.add_call();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

type Caller<'a> = StoreContextMut<'a, Instance>;
type Interface<'a> = LinkerInstance<'a, Instance>;

/// Charges the fuel of a call that hands over `bytes` bytes at `byte_fuel` each, and the unpaid fuel of earlier
/// WASI calls.
fn charge(caller: &mut Caller<'_>, bytes: u64, byte_fuel: u64) -> wasmtime::Result<()> {
    let owed = caller.data().debt.pay();
    let price = CALL_FUEL.saturating_add(bytes.saturating_mul(byte_fuel)).saturating_add(owed);
    let left = caller.get_fuel()?;
    let Some(rest) = left.checked_sub(price) else {
        caller.set_fuel(0)?;
        return Err(Overrun::Fuel.into());
    };
    caller.set_fuel(rest)?;
    let state = caller.data_mut();
    state.bytes_handed_over = state.bytes_handed_over.saturating_add(bytes);
    if Instant::now() > state.deadline {
        return Err(Overrun::Deadline.into());
    }
    Ok(())
}

fn clip(caller: &Caller<'_>) -> wasmtime::Result<Arc<Clip>> {
    caller.data().clip.clone().ok_or_else(|| wasmtime::Error::msg("this call has no clip"))
}

/// Returns the number of samples of a plane at a level. With this number, the price of a call is known before the host
/// computes or copies anything. A request that will be refused costs only the call.
fn plane_bytes(clip: &Clip, plane: ClipPlane, level: u32) -> u64 {
    clip.size(plane, level).map_or(0, |(width, height)| u64::from(width) * u64::from(height))
}

/// Adds the contract's interfaces to a linker, in the contract's version.
pub(crate) fn link(linker: &mut Linker<Instance>, contract: &Contract) -> wasmtime::Result<()> {
    link_video(&mut linker.instance(&contract.interface("video"))?)?;
    link_baseline(&mut linker.instance(&contract.interface("baseline"))?)?;
    link_log(&mut linker.instance(&contract.interface("log"))?)
}

fn link_video(video: &mut Interface<'_>) -> wasmtime::Result<()> {
    type Handle = Resource<ClipHandle>;
    type Pixels = Result<Bytes, PixelError>;
    video.resource("clip", ResourceType::host::<ClipHandle>(), |_, _| Ok(()))?;
    video.func_wrap("[method]clip.info", |mut caller: Caller<'_>, (_,): (Handle,)| {
        charge(&mut caller, 0, 0)?;
        let clip = clip(&caller)?;
        let info = clip.info();
        Ok((ClipInfo {
            width: info.width,
            height: info.height,
            frames: count(clip.frames().len()),
            levels: clip.levels(),
            range: match info.range {
                easysight_capture::SampleRange::Limited => SampleRange::Limited,
                easysight_capture::SampleRange::Full => SampleRange::Full,
            },
            #[expect(clippy::cast_possible_truncation, reason = "a frame rate needs no more digits")]
            frame_rate: info.frame_rate.unwrap_or(0.0) as f32,
            codec: info.codec.clone().unwrap_or_default(),
            live: info.live,
        },))
    })?;
    video.func_wrap("[method]clip.evidence", |mut caller: Caller<'_>, (_,): (Handle,)| {
        charge(&mut caller, 0, 0)?;
        let clip = clip(&caller)?;
        let evidence = clip.evidence();
        Ok((DecoderEvidence {
            missed_packets: evidence.missed_packets,
            corrupt_frames: evidence.corrupt_frames,
            concealed_blocks: evidence.concealed_blocks,
            missing_references: evidence.missing_references,
        },))
    })?;
    video.func_wrap("[method]clip.clock", |mut caller: Caller<'_>, (_,): (Handle,)| {
        charge(&mut caller, 0, 0)?;
        let clock = clip(&caller)?.info().clock.map(|clock| match clock {
            easysight_capture::CameraClock::Right => CameraClock::Right,
            easysight_capture::CameraClock::Jumps(times) => CameraClock::Jumps(times),
            easysight_capture::CameraClock::StandsStill => CameraClock::StandsStill,
            #[expect(clippy::cast_possible_truncation, reason = "a speed needs no more digits")]
            easysight_capture::CameraClock::Runs(speed) => CameraClock::Runs(speed as f32),
        });
        Ok((clock,))
    })?;
    video.func_wrap("[method]clip.frames", |mut caller: Caller<'_>, (_,): (Handle,)| {
        let clip = clip(&caller)?;
        charge(&mut caller, 16 * clip.frames().len() as u64, 1)?;
        let frames: Vec<FrameInfo> = clip
            .frames()
            .iter()
            .map(|frame| FrameInfo {
                timestamp_us: u64::try_from(frame.timestamp.as_micros()).unwrap_or(u64::MAX),
                keyframe: frame.keyframe,
            })
            .collect();
        Ok((frames,))
    })?;
    video.func_wrap(
        "[method]clip.size",
        |mut caller: Caller<'_>, (_, plane, level): (Handle, PlaneKind, u32)| {
            charge(&mut caller, 0, 0)?;
            Ok((clip(&caller)?.size(plane.into(), level).ok_or(PixelError::NoSuchLevel),))
        },
    )?;
    video.func_wrap(
        "[method]clip.plane",
        |mut caller: Caller<'_>, (_, frame, plane, level): (Handle, u32, PlaneKind, u32)| {
            let clip = clip(&caller)?;
            charge(&mut caller, plane_bytes(&clip, plane.into(), level), 1)?;
            let pixels: Pixels = clip.plane(frame, plane.into(), level).map_err(Into::into);
            Ok((pixels,))
        },
    )?;
    video.func_wrap(
        "[method]clip.crop",
        |mut caller: Caller<'_>, (_, frame, plane, level, area): (Handle, u32, PlaneKind, u32, Rect)| {
            let clip = clip(&caller)?;
            let area = ClipRect { x: area.x, y: area.y, width: area.width, height: area.height };
            let wanted = u64::from(area.width) * u64::from(area.height);
            charge(&mut caller, wanted.min(plane_bytes(&clip, plane.into(), level)), 1)?;
            let pixels: Pixels = clip.crop(frame, plane.into(), level, area).map_err(Into::into);
            Ok((pixels,))
        },
    )?;
    video.func_wrap("[method]clip.rgb", |mut caller: Caller<'_>, (_, frame, level): (Handle, u32, u32)| {
        let clip = clip(&caller)?;
        charge(&mut caller, 3 * plane_bytes(&clip, ClipPlane::Luma, level), RGB_BYTE_FUEL)?;
        let pixels: Pixels = clip.rgb(frame, level).map_err(Into::into);
        Ok((pixels,))
    })
}

fn link_baseline(baseline: &mut Interface<'_>) -> wasmtime::Result<()> {
    baseline.func_wrap("load", |mut caller: Caller<'_>, (): ()| {
        let bytes = caller.data().baseline.clone();
        charge(&mut caller, bytes.as_ref().map_or(0, |bytes| bytes.len() as u64), 1)?;
        Ok((bytes,))
    })?;
    baseline.func_wrap("store", |mut caller: Caller<'_>, (bytes,): (Bytes,)| {
        charge(&mut caller, bytes.len() as u64, 1)?;
        let granted = caller.data().limits.baseline_bytes;
        let answer: Result<(), u32> = if bytes.len() > granted {
            Err(count(granted))
        } else {
            caller.data_mut().new_baseline = Some(bytes);
            Ok(())
        };
        Ok((answer,))
    })
}

fn link_log(log: &mut Interface<'_>) -> wasmtime::Result<()> {
    log.func_wrap("write", |mut caller: Caller<'_>, (level, line): (Level, String)| {
        charge(&mut caller, line.len() as u64, 1)?;
        let level = match level {
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error => tracing::Level::ERROR,
        };
        caller.data_mut().write_log(level, &line);
        Ok(())
    })
}

impl Instance {
    /// Stores one line, or counts the line as dropped. Control characters are replaced, because with them a plugin
    /// could forge other lines of the operator's log or control the terminal.
    pub(crate) fn write_log(&mut self, level: tracing::Level, line: &str) {
        if self.log.len() >= self.limits.log_lines as usize {
            self.dropped_lines = self.dropped_lines.saturating_add(1);
            return;
        }
        let mut end = line.len().min(self.limits.log_line_bytes);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let text = line
            .get(..end)
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.log.push(LogLine { level, text });
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl From<PlaneKind> for ClipPlane {
    fn from(plane: PlaneKind) -> Self {
        match plane {
            PlaneKind::Luma => Self::Luma,
            PlaneKind::Cb => Self::Cb,
            PlaneKind::Cr => Self::Cr,
        }
    }
}

impl From<ClipPixelError> for PixelError {
    fn from(error: ClipPixelError) -> Self {
        match error {
            ClipPixelError::NoSuchFrame => Self::NoSuchFrame,
            ClipPixelError::NoSuchLevel => Self::NoSuchLevel,
            ClipPixelError::OutOfBounds => Self::OutOfBounds,
        }
    }
}
