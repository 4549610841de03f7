// SPDX-License-Identifier: MIT
/*
 * What undefined names say of how a driver was built, and what to do about it.
 *
 * Two tables of patterns. Forbidden names are those of mechanisms that drivers
 * cannot have, whichever driver defines them: a compiler flag avoids each. Missing ones are
 * known by the library or language that they belong to; they are only asked for
 * once nobody was found to have the name.
 *
 * Sources: Itanium C++ ABI 5.1, 2.4; Rust, RFC 2603; libgcc's manual; D ABI.
 */
#include <kernel/loader.h>
#include <kernel/string.h>

struct words {
	const char *pattern, *words;
};

static const struct words forbidden[] = {
	{ "__stack_chk_fail", "compile with -fno-stack-protector" },
	{ "__stack_chk_guard", "compile with -fno-stack-protector" },
	{ "__fentry__", "compile without -pg" },
	{ "mcount", "compile without -pg" },
	{ "_mcount", "compile without -pg" },
	{ "__cyg_profile_func_*", "compile without -finstrument-functions" },
	{ "__llvm_*", "compile without profiling (-fprofile-instr-generate)" },
	{ "__tls_get_addr", "drivers cannot have thread-local variables" },
	{ "___tls_get_addr", "drivers cannot have thread-local variables" },
	{ "__emutls_*", "drivers cannot have thread-local variables" },
	{ "__safestack_*", "compile without -fsanitize=safe-stack" },
	{ "__morestack*", "compile without -fsplit-stack" },
	{ "__asan_*", "compile without -fsanitize" },
	{ "__hwasan_*", "compile without -fsanitize" },
	{ "__ubsan_*", "compile without -fsanitize" },
	{ "__tsan_*", "compile without -fsanitize" },
	{ "__msan_*", "compile without -fsanitize" },
	{ "__dfsan_*", "compile without -fsanitize" },
	{ "__memprof_*", "compile without -fmemory-profile" },
	{ "__xray_*", "compile without -fxray-instrument" },
	{ "__cfi_slowpath*", "compile without -fsanitize=cfi" },
	{ "__sanitizer_*", "compile without -fsanitize and coverage" },
	{ "__gcov_*", "compile without --coverage" },
	{ "llvm_gc*", "compile without --coverage" },
	{ "__cxa_guard_*", "compile with -fno-threadsafe-statics" },
	{ "__cxa_throw", "compile with -fno-exceptions" },
	{ "__gxx_personality_*", "compile with -fno-exceptions" },
	{ "_Unwind_*", "compile with -fno-exceptions (Rust: -C panic=abort)" },
	{ "_ZTVN10__cxxabiv1*", "compile with -fno-rtti" },
};

#define CXX_RUNTIME \
	"of C++'s runtime: join the SDK's banos-cxx.o to the driver (ld -r -o X.ko x.o banos-cxx.o)"
#define CXX_NEW \
	"C++'s plain new, which has no owner: use new (self) of <banos/cxx.h>, and join the SDK's banos-cxx.o"
#define CXX_LIBRARY "of C++'s library, which drivers do not have"
#define RUST_CORE \
	"of Rust's core: join libcore.rlib and libcompiler_builtins.rlib to the driver (ld -r --gc-sections -u ITS_RECORD)"
#define RUST_PANIC \
	"a panic of Rust's core: join libcore.rlib to the driver (ld -r --gc-sections -u ITS_RECORD), or use what cannot panic (get(), wrapping_add())"
#define RUST_ALLOC "of Rust's alloc or std: drivers are no_std; memory comes from banos_alloc()"
#define COMPILER \
	"of the compiler's own library (libgcc, compiler-rt): join the SDK's banos-rt.o to the driver (ld -r -o X.ko x.o banos-rt.o)"
#define FLOAT "of the compiler's library for floating point, which drivers cannot use"
#define C_LIBRARY \
	"of the C library, which drivers do not have: see <banos/memory.h>, <banos/print.h>, <banos/string.h>"
#define FORTIFY "of the C library: compile with -ffreestanding and without _FORTIFY_SOURCE"
#define LINUX	"of Linux's kernel: drivers use what <banos/...> declares"
#define ADA	"of Ada's runtime: compile with -gnatp, and without what needs one"
#define PASCAL	"of Pascal's runtime: use plain functions, and records in C"
#define DLANG	"of D's runtime: compile with -betterC (gdc: -fno-druntime) and without bounds checks"
#define FORTRAN "of Fortran's runtime: use what needs none"

/* clang-format off */
static const struct words missing[] = {
	{ "_ZdlPv*", CXX_RUNTIME }, { "_ZdaPv*", CXX_RUNTIME }, { "_Zn??P12banos_owner_", CXX_RUNTIME },
	{ "_Zn??St11align_val_tP12banos_owner_", CXX_RUNTIME },
	{ "__cxa_pure_virtual", CXX_RUNTIME }, { "__cxa_deleted_virtual", CXX_RUNTIME }, { "__cxa_atexit", CXX_RUNTIME },
	{ "__dso_handle", CXX_RUNTIME }, { "atexit", CXX_RUNTIME },
	{ "_Znw*", CXX_NEW }, { "_Zna*", CXX_NEW },
	{ "__cxa_*", CXX_LIBRARY }, { "_ZSt*", CXX_LIBRARY }, { "_ZNSt*", CXX_LIBRARY }, { "_ZNKSt*", CXX_LIBRARY },
	{ "_ZTVSt*", CXX_LIBRARY }, { "_ZTISt*", CXX_LIBRARY },
	{ "_ZN4core9panicking*", RUST_PANIC }, { "_RNv*4core9panicking*", RUST_PANIC }, { "_ZN4core6result13unwrap_failed*", RUST_PANIC },
	{ "_ZN4core6option13expect_failed*", RUST_PANIC }, { "rust_begin_unwind", RUST_PANIC }, { "_RNv*17rust_begin_unwind", RUST_PANIC },
	{ "rust_eh_personality", "of Rust's unwinding: compile with -C panic=abort" },
	{ "_ZN4core*", RUST_CORE }, { "_RNv*4core*", RUST_CORE }, { "_RIN*4core*", RUST_CORE }, { "_ZN17compiler_builtins*", RUST_CORE },
	{ "_ZN5alloc*", RUST_ALLOC }, { "_ZN3std*", RUST_ALLOC }, { "_RNv*3std*", RUST_ALLOC }, { "_RNv*5alloc*", RUST_ALLOC },
	{ "__rust_*", RUST_ALLOC }, { "__rg_*", RUST_ALLOC },
	{ "__udiv?i?", COMPILER }, { "__umod?i?", COMPILER }, { "__div?i?", COMPILER }, { "__mod?i?", COMPILER },
	{ "__udivmod?i?", COMPILER }, { "__divmod?i?", COMPILER }, { "__mul?i?", COMPILER }, { "__mulo?i?", COMPILER },
	{ "__mulv?i?", COMPILER }, { "__addv?i?", COMPILER }, { "__subv?i?", COMPILER }, { "__negv?i?", COMPILER },
	{ "__absv?i?", COMPILER },
	{ "__ash??i?", COMPILER }, { "__lshr?i?", COMPILER }, { "__popcount?i?", COMPILER }, { "__parity?i?", COMPILER },
	{ "__clz?i?", COMPILER }, { "__ctz?i?", COMPILER }, { "__clrsb?i?", COMPILER }, { "__ffs?i?", COMPILER },
	{ "__bswap?i?", COMPILER }, { "__cmp?i?", COMPILER }, { "__ucmp?i?", COMPILER }, { "__cpu_model", COMPILER },
	{ "__cpu_indicator_init", COMPILER },
	{ "__atomic_*", "of libatomic: use objects of at most 8 bytes, aligned to their size" },
	{ "__sync_*", "of the compiler's library: use objects of at most 8 bytes, aligned to their size" },
	{ "__add?f?", FLOAT }, { "__sub?f?", FLOAT }, { "__mul?f?", FLOAT }, { "__div?f?", FLOAT }, { "__neg?f?", FLOAT },
	{ "__float*", FLOAT }, { "__fix*", FLOAT }, { "__extend*", FLOAT }, { "__trunc*", FLOAT },
	{ "__eq?f?", FLOAT }, { "__ne?f?", FLOAT }, { "__lt?f?", FLOAT }, { "__le?f?", FLOAT }, { "__gt?f?", FLOAT },
	{ "__ge?f?", FLOAT }, { "__unord?f?", FLOAT }, { "__pow*", FLOAT },
	{ "__*_chk", FORTIFY }, { "__errno_location", C_LIBRARY }, { "__assert*", C_LIBRARY }, { "__isoc99_*", C_LIBRARY },
	{ "__ctype_*", C_LIBRARY }, { "__memcpy_*", FORTIFY },
	{ "printf", C_LIBRARY }, { "puts", C_LIBRARY }, { "putchar", C_LIBRARY }, { "snprintf", C_LIBRARY },
	{ "sprintf", C_LIBRARY }, { "fprintf", C_LIBRARY }, { "stderr", C_LIBRARY }, { "malloc", C_LIBRARY },
	{ "calloc", C_LIBRARY }, { "realloc", C_LIBRARY }, { "free", C_LIBRARY }, { "abort", C_LIBRARY }, { "exit", C_LIBRARY },
	{ "strcpy", C_LIBRARY }, { "strncpy", C_LIBRARY }, { "strcat", C_LIBRARY }, { "strcmp", C_LIBRARY },
	{ "strncmp", C_LIBRARY }, { "strchr", C_LIBRARY }, { "strstr", C_LIBRARY }, { "memchr", C_LIBRARY },
	{ "stpcpy", C_LIBRARY }, { "sin", C_LIBRARY }, { "sqrt", C_LIBRARY }, { "pow", C_LIBRARY },
	{ "printk", LINUX }, { "_printk", LINUX }, { "kmalloc", LINUX }, { "__kmalloc*", LINUX }, { "kfree", LINUX },
	{ "kmem_cache_*", LINUX }, { "module_layout", LINUX }, { "param_ops_*", LINUX }, { "__register_chrdev", LINUX },
	{ "__this_module", LINUX }, { "copy_from_user", LINUX }, { "_copy_*_user", LINUX }, { "__x86_*", LINUX },
	{ "__gnat_*", ADA }, { "system__*", ADA }, { "ada__*", ADA },
	{ "fpc_*", PASCAL }, { "FPC_*", PASCAL }, { "RTTI_$*", PASCAL }, { "INIT_$*", PASCAL }, { "SYSTEM_$$*", PASCAL },
	{ "_gfortran_*", FORTRAN },
	{ "_d_*", DLANG }, { "_D?*", DLANG }, { "__d_*", DLANG },
	{ "runtime.*", "of Go's runtime, which drivers do not have" },
	{ "__start_*", "the beginning of a section, which only linking a whole program makes known (ld -r does not)" },
	{ "__stop_*", "the end of a section, which only linking a whole program makes known (ld -r does not)" },
	{ "__ImageBase", "of a program for Windows: compile for ELF" },
	{ "__chkstk*", "of a program for Windows: compile for ELF" }, { "___chkstk*", "of a program for Windows: compile for ELF" },
};
/* clang-format on */

/* Longer names are nobody's: the file decides how much work they are. */
static const char *find_words(const struct words *table, u32 index, const char *name)
{
	if (strnlen(name, LOADER_WORDS_NAME_MAX) == LOADER_WORDS_NAME_MAX)
		return NULL;
	for (u32 i = 0; i < index; i++)
		if (glob_match(table[i].pattern, name))
			return table[i].words;
	return NULL;
}

const char *missing_name_words(const char *name)
{
	return find_words(missing, ARRAY_SIZE(missing), name);
}

const char *forbidden_name_words(const char *name)
{
	if (name[0] != '_' && name[0] != 'm' && name[0] != 'l')
		return NULL;
	return find_words(forbidden, ARRAY_SIZE(forbidden), name);
}
