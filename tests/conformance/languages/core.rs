// SPDX-License-Identifier: MIT
//! A self-testing driver in Rust: memory behind a type that frees it, text, a timer and a callback
//! that are functions of Rust, and a lock. It counts and judges as check.h does. It may panic as far as
//! the compiler knows, so Rust's core is joined to it (scripts/sdk/languages/rust.lds).
#![no_std]
#![crate_type = "lib"]

use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

type Owner = *mut c_void;
type Handle = *mut c_void;

extern "C" {
    fn banos_print_args(owner: Owner, level: u32, format: *const u8, args: *const u64, count: u32)
        -> i64;
    fn banos_format_args(buffer: *mut u8, size: u64, format: *const u8, args: *const u64, count: u32)
        -> i64;
    fn banos_alloc(owner: Owner, size: u64, flags: u32) -> *mut c_void;
    fn banos_free(owner: Owner, memory: *mut c_void) -> i64;
    fn banos_time_ns() -> u64;
    fn banos_sleep_until(deadline: u64, flags: u32) -> i64;
    fn banos_timer_create(owner: Owner, function: extern "C" fn(*mut c_void) -> i64,
        context: *mut c_void, timer: *mut Handle) -> i64;
    fn banos_timer_start(timer: Handle, deadline: u64) -> i64;
    fn banos_timer_cancel(timer: Handle) -> i64;
    fn banos_timer_destroy(timer: Handle) -> i64;
    fn banos_callback_create(owner: Owner, config: *const CallbackConfig, callback: *mut Handle) -> i64;
    fn banos_callback_call(callback: Handle, a: u64, b: u64, c: u64, d: u64, e: u64) -> i64;
    fn banos_callback_close(callback: Handle) -> i64;
    fn banos_mutex_init(owner: Owner, mutex: *mut Mutex) -> i64;
    fn banos_mutex_lock(mutex: *mut Mutex) -> i64;
    fn banos_mutex_trylock(mutex: *mut Mutex) -> i64;
    fn banos_mutex_unlock(mutex: *mut Mutex) -> i64;
    fn banos_mutex_destroy(mutex: *mut Mutex) -> i64;
}

const INFO: u32 = 6;
const EBUSY: i64 = 16;
const EINVAL: i64 = 22;
const ENODEV: i64 = 19;
const MS: u64 = 1_000_000;

/// struct banos_mutex of <banos/lock.h>
#[repr(C, align(8))]
struct Mutex([u64; 8]);

/// struct banos_callback_config of <banos/callback.h>
#[repr(C)]
struct CallbackConfig {
    size: u32,
    flags: u32,
    function: extern "C" fn(*mut c_void, u64, u64, u64, u64, u64) -> i64,
    context: *mut c_void,
    signature: [u8; 64],
}

/// struct banos_driver_record of <banos/driver.h>
#[repr(C)]
pub struct DriverRecord {
    size: u32,
    kind: u32,
    level: u32,
    level_min: u32,
    features_must: u64,
    features_may: u64,
    name: [u8; 56],
    version: [u8; 48],
    licence: [u8; 64],
    description: [u8; 160],
    init: extern "C" fn(Owner) -> i64,
    exit: Option<extern "C" fn(Owner) -> i64>,
}
unsafe impl Sync for DriverRecord {}

const fn field<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut i = 0;
    while i < text.len() {
        bytes[i] = text[i];
        i += 1;
    }
    bytes
}

#[used]
#[no_mangle]
#[link_section = ".banos-driver"]
pub static RECORD: DriverRecord = DriverRecord {
    size: core::mem::size_of::<DriverRecord>() as u32,
    kind: 1,
    level: 1,
    level_min: 0,
    features_must: 0,
    features_may: 0,
    name: field(b"conformance_core"),
    version: field(b"1.0"),
    licence: field(b"MIT"),
    description: field(b"Tests the driver API in Rust"),
    init: core_init,
    exit: None,
};

#[used]
#[link_section = ".modinfo"]
pub static MODINFO: [u8; 34] = *b"name=conformance_core\0license=MIT\0";

/// What was checked, and the first that did not hold.
struct Checks {
    count: u64,
    failed: u64,
}

impl Checks {
    fn that(&mut self, holds: bool) {
        self.count += 1;
        if !holds && self.failed == 0 {
            self.failed = self.count;
        }
    }
}

/// Words of the driver's memory, freed with their owner.
struct Words {
    owner: Owner,
    memory: *mut u64,
    count: usize,
}

impl Words {
    fn new(owner: Owner, count: usize) -> Option<Words> {
        let memory = unsafe { banos_alloc(owner, count as u64 * 8, 0) } as *mut u64;
        if memory.is_null() {
            return None;
        }
        Some(Words { owner, memory, count })
    }
    fn all(&mut self) -> &mut [u64] {
        unsafe { core::slice::from_raw_parts_mut(self.memory, self.count) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if unsafe { banos_free(self.owner, self.memory as *mut c_void) } == 0 {
            FREED.fetch_add(1, SeqCst);
        }
    }
}

static FREED: AtomicU32 = AtomicU32::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);
static LAST_SUM: AtomicU64 = AtomicU64::new(0);

fn try_memory(owner: Owner, checks: &mut Checks) {
    if let Some(mut words) = Words::new(owner, 1000) {
        checks.that(words.all().iter().all(|&x| x == 0));
        for (i, word) in words.all().iter_mut().enumerate() {
            *word = (i * i) as u64;
        }
        checks.that(words.all().iter().sum::<u64>() == 332_833_500);
        words.all().sort_unstable_by(|a, b| b.cmp(a));
        checks.that(words.all()[0] == 998_001 && words.all()[999] == 0);
        checks.that(words.all().binary_search_by(|x| 250_000u64.cmp(x)) == Ok(499));
    }
    checks.that(FREED.swap(0, SeqCst) == 1);
    checks.that(Words::new(core::ptr::null_mut(), 10).is_none());
    checks.that(Words::new(owner, 0).is_none());
}

fn try_text(checks: &mut Checks) {
    let mut buffer = [0xffu8; 40];
    let args = [0xbeefu64, -5i64 as u64];
    let length = unsafe {
        banos_format_args(buffer.as_mut_ptr(), 40, b"%x and %d\0".as_ptr(), args.as_ptr(), 2)
    };
    checks.that(length == 11);
    checks.that(&buffer[..12] == b"beef and -5\0");
    checks.that(buffer[12] == 0xff);
    checks.that(core::str::from_utf8(&buffer[..4]) == Ok("beef"));
}

extern "C" fn tick(context: *mut c_void) -> i64 {
    if context as usize == 0x5a17 {
        TICKS.fetch_add(1, SeqCst);
    }
    0
}

fn try_timer(owner: Owner, checks: &mut Checks) {
    let mut timer: Handle = core::ptr::null_mut();
    unsafe {
        let begin = banos_time_ns();
        TICKS.store(0, SeqCst);
        checks.that(banos_timer_create(owner, tick, 0x5a17 as *mut c_void, &mut timer) == 0);
        checks.that(banos_timer_start(timer, begin + 2 * MS) == 0);
        checks.that(banos_sleep_until(begin + 60 * MS, 0) == 0);
        checks.that(banos_time_ns() >= begin + 60 * MS);
        // When a timer runs late is promised nowhere.
        for _ in 0..200 {
            if TICKS.load(SeqCst) != 0 {
                break;
            }
            banos_sleep_until(banos_time_ns() + 50 * MS, 0);
        }
        checks.that(banos_timer_cancel(timer) == 0);
        checks.that(TICKS.load(SeqCst) == 1);
        checks.that(banos_timer_destroy(timer) == 0);
        checks.that(banos_timer_destroy(timer) == -EINVAL);
    }
}

extern "C" fn add(context: *mut c_void, a: u64, b: u64, c: u64, d: u64, e: u64) -> i64 {
    let sum = unsafe { &*(context as *const AtomicU64) };
    sum.store(a + b + c + d + e, SeqCst);
    a as i64
}

fn try_callback(owner: Owner, checks: &mut Checks) {
    let config = CallbackConfig {
        size: core::mem::size_of::<CallbackConfig>() as u32,
        flags: 0,
        function: add,
        context: &LAST_SUM as *const AtomicU64 as *mut c_void,
        signature: [0; 64],
    };
    let mut callback: Handle = core::ptr::null_mut();
    unsafe {
        checks.that(banos_callback_create(owner, &config, &mut callback) == 0);
        checks.that(banos_callback_call(callback, 7, 20, 300, 4000, 50000) == 7);
        checks.that(LAST_SUM.load(SeqCst) == 54327);
        checks.that(banos_callback_close(callback) == 0);
        let late = banos_callback_call(callback, 1, 1, 1, 1, 1);
        checks.that(late == -EINVAL || late == -ENODEV);
    }
}

fn try_lock(owner: Owner, checks: &mut Checks) {
    let mut mutex = Mutex([0; 8]);
    unsafe {
        checks.that(banos_mutex_lock(&mut mutex) == -EINVAL);
        checks.that(banos_mutex_init(owner, &mut mutex) == 0);
        checks.that(banos_mutex_lock(&mut mutex) == 0);
        checks.that(banos_mutex_trylock(&mut mutex) == -EBUSY);
        checks.that(banos_mutex_unlock(&mut mutex) == 0);
        checks.that(banos_mutex_destroy(&mut mutex) == 0);
    }
}

extern "C" fn core_init(owner: Owner) -> i64 {
    let mut checks = Checks { count: 0, failed: 0 };

    try_memory(owner, &mut checks);
    try_text(&mut checks);
    try_timer(owner, &mut checks);
    try_callback(owner, &mut checks);
    try_lock(owner, &mut checks);
    let (text, number): (&[u8], u64) = match checks.failed {
        0 => (b"PASS: %u checks\0", checks.count),
        at => (b"FAIL: check %u\0", at),
    };
    unsafe { banos_print_args(owner, INFO, text.as_ptr(), &number, 1) }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}
