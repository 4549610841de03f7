// SPDX-License-Identifier: MIT
//! The smallest driver, in Rust, without any crate but core.
//!
//!     rustc --emit=obj -C panic=abort -C code-model=kernel -C relocation-model=static \
//!         -C no-redzone -C force-frame-pointers -C opt-level=2 \
//!         -C target-feature=-mmx,-sse,-sse2,+soft-float rust.rs -o rust.ko
//!
//! What panics calls into core, which is not there: no index that may be out of range, no
//! unwrap(), wrapping arithmetic. Else link core in, as rust.lds says.
#![no_std]
#![crate_type = "lib"]

use core::ffi::c_void;

type Owner = *mut c_void;

extern "C" {
    fn banos_print_args(owner: Owner, level: u32, format: *const u8, args: *const u64, count: u32)
        -> i64;
    fn banos_alloc(owner: Owner, size: u64, flags: u32) -> *mut c_void;
    fn banos_free(owner: Owner, memory: *mut c_void) -> i64;
}

const BANOS_INFO: u32 = 6;
const ENOMEM: i64 = 12;

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

/// A text in a field of fixed size, filled up with zeroes; one that is too long does not compile.
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
    name: field(b"rust"),
    version: field(b"1.0"),
    licence: field(b"MIT"),
    description: field(b"The smallest driver, in Rust"),
    init: rust_init,
    exit: Some(rust_exit),
};

#[used]
#[link_section = ".modinfo"]
pub static MODINFO: [u8; 22] = *b"name=rust\0license=MIT\0";

fn print(owner: Owner, format: &[u8], args: &[u64]) {
    unsafe {
        banos_print_args(owner, BANOS_INFO, format.as_ptr(), args.as_ptr(), args.len() as u32);
    }
}

extern "C" fn rust_init(owner: Owner) -> i64 {
    let numbers = unsafe { banos_alloc(owner, 10 * 8, 0) } as *mut u64;
    if numbers.is_null() {
        return -ENOMEM;
    }
    let mut sum = 0u64;
    for i in 0..10u64 {
        unsafe {
            numbers.add(i as usize).write(i * i);
            sum = sum.wrapping_add(numbers.add(i as usize).read());
        }
    }
    print(owner, b"Hello from Rust: the squares below 10 are %u in all\0", &[sum]);
    unsafe { banos_free(owner, numbers as *mut c_void) }
}

extern "C" fn rust_exit(owner: Owner) -> i64 {
    print(owner, b"Goodbye from Rust\0", &[]);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}
