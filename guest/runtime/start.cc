// What crt0 and the C library call around main: constructors, destructors, exit, abort, assert.
#include <stdlib.h>
#include <unistd.h>
#include <zk/check.h>
#include <zk/io.h>
#include <zk/syscall.h>

#include "console.h"

extern "C" {

using Hook = void (*)();
extern const Hook __zk_init_begin[], __zk_init_end[], __zk_fini_begin[], __zk_fini_end[];

// __dso_handle names the one program to __cxa_atexit.
void* __dso_handle = nullptr;

// Static constructors, in the order that the linker script sorts them to.
void zk_construct() {
  for (const Hook* hook = __zk_init_begin; hook != __zk_init_end; ++hook) (*hook)();
}

// Called by exit() after the functions of atexit; static destructors are among those.
void __libc_fini_array() {
  for (const Hook* hook = __zk_fini_end; hook != __zk_fini_begin;) (*--hook)();
}

[[noreturn]] void _exit(int code) {
  zk::console::flush();
  zk::abi::exit(code);
}

[[noreturn]] void abort() {
  zk::console::flush();
  for (;;) asm volatile("ebreak");
}

[[noreturn]] void __assert_func(const char* file, int line, const char*, const char* text) {
  zk::fail_at(file, line, "assertion failed: ", text);
}

// What unavailable.S calls.
[[noreturn]] void zk_unavailable(const char* message) { zk::fail(message); }

}  // extern "C"

namespace zk {

void exit(int code) { _exit(code); }

void fail(std::string_view message) {
  log(message);
  abort();
}

void fail_at(const char* file, int line, const char* what, const char* text) {
  const console::Decimal digits(line);
  for (const std::string_view part :
       {std::string_view(file), std::string_view(":"), digits.text(), std::string_view(": "),
        std::string_view(what), std::string_view(text), std::string_view("\n")}) {
    console::write(abi::kFdStderr, part);
  }
  abort();
}

}  // namespace zk
