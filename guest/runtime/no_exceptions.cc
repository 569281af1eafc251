// Guests are compiled without exceptions, libstdc++ is not: here end the calls that its objects
// make. What the library would throw (vector::at, a string that is too long, ...) prints the
// standard exception's name and its message, and ends the run in a trap. The unwinder stays out of
// the program.
#include <stdarg.h>
#include <zk/io.h>

#include <string_view>

#include "console.h"

// libstdc++'s own small formatter for the message of __throw_out_of_range_fmt.
namespace __gnu_cxx {
int __snprintf_lite(char* buffer, size_t size, const char* format, va_list arguments);
}

namespace {

[[noreturn]] void thrown(std::string_view type, const char* what) {
  zk::console::write(zk::abi::kFdStderr, "zkvm: uncaught std::");
  zk::console::write(zk::abi::kFdStderr, type);
  if (what != nullptr) {
    zk::console::write(zk::abi::kFdStderr, ": ");
    zk::console::write(zk::abi::kFdStderr, what);
  }
  zk::fail("");
}

}  // namespace

namespace std {

// libstdc++'s hooks (<bits/functexcept.h>); defining them here keeps its own, which throw, out of
// the link.
[[gnu::weak, noreturn]] void __throw_bad_exception() { thrown("bad_exception", nullptr); }
[[gnu::weak, noreturn]] void __throw_bad_alloc() { thrown("bad_alloc", nullptr); }
[[gnu::weak, noreturn]] void __throw_bad_array_new_length() {
  thrown("bad_array_new_length", nullptr);
}
[[gnu::weak, noreturn]] void __throw_bad_cast() { thrown("bad_cast", nullptr); }
[[gnu::weak, noreturn]] void __throw_bad_typeid() { thrown("bad_typeid", nullptr); }
[[gnu::weak, noreturn]] void __throw_bad_function_call() { thrown("bad_function_call", nullptr); }
[[gnu::weak, noreturn]] void __throw_logic_error(const char* what) { thrown("logic_error", what); }
[[gnu::weak, noreturn]] void __throw_domain_error(const char* what) {
  thrown("domain_error", what);
}
[[gnu::weak, noreturn]] void __throw_invalid_argument(const char* what) {
  thrown("invalid_argument", what);
}
[[gnu::weak, noreturn]] void __throw_length_error(const char* what) {
  thrown("length_error", what);
}
[[gnu::weak, noreturn]] void __throw_out_of_range(const char* what) {
  thrown("out_of_range", what);
}
[[gnu::weak, noreturn]] void __throw_out_of_range_fmt(const char* format, ...) {
  char what[128];
  va_list arguments;
  va_start(arguments, format);
  __gnu_cxx::__snprintf_lite(what, sizeof(what), format, arguments);
  thrown("out_of_range", what);
}
[[gnu::weak, noreturn]] void __throw_runtime_error(const char* what) {
  thrown("runtime_error", what);
}
[[gnu::weak, noreturn]] void __throw_range_error(const char* what) { thrown("range_error", what); }
[[gnu::weak, noreturn]] void __throw_overflow_error(const char* what) {
  thrown("overflow_error", what);
}
[[gnu::weak, noreturn]] void __throw_underflow_error(const char* what) {
  thrown("underflow_error", what);
}
[[gnu::weak, noreturn]] void __throw_ios_failure(const char* what) {
  thrown("ios_base::failure", what);
}
[[gnu::weak, noreturn]] void __throw_ios_failure(const char* what, int) {
  thrown("ios_base::failure", what);
}
[[gnu::weak, noreturn]] void __throw_system_error(int) { thrown("system_error", nullptr); }
[[gnu::weak, noreturn]] void __throw_regex_error(int) { thrown("regex_error", nullptr); }

[[gnu::weak, noreturn]] void terminate() noexcept { zk::fail("zkvm: std::terminate called"); }

}  // namespace std

extern "C" {

[[gnu::weak, noreturn]] void __cxa_pure_virtual() {
  zk::fail("zkvm: pure virtual function called");
}
[[gnu::weak, noreturn]] void __cxa_deleted_virtual() {
  zk::fail("zkvm: deleted virtual function called");
}

// The C++ ABI's exception entry points, as far as the library's objects name them.
[[gnu::weak, noreturn]] void* __cxa_allocate_exception(size_t) {
  zk::fail("zkvm: uncaught exception");
}
[[gnu::weak]] void __cxa_free_exception(void*) {}
[[gnu::weak, noreturn]] void __cxa_throw(void*, void*, void (*)(void*)) {
  zk::fail("zkvm: uncaught exception");
}
[[gnu::weak, noreturn]] void __cxa_rethrow() { zk::fail("zkvm: uncaught exception"); }
[[gnu::weak, noreturn]] void* __cxa_begin_catch(void*) { zk::fail("zkvm: uncaught exception"); }
[[gnu::weak]] void __cxa_end_catch() {}
[[gnu::weak, noreturn]] void _Unwind_Resume(void*) { zk::fail("zkvm: uncaught exception"); }
[[gnu::weak, noreturn]] void __gxx_personality_v0() { zk::fail("zkvm: uncaught exception"); }

}  // extern "C"
