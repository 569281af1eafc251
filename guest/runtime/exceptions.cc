// For zkvm_add_guest(... EXCEPTIONS): gives what() of std::out_of_range its numbers, and an exception
// that nobody catches a message.
#include <cxxabi.h>
#include <stdarg.h>
#include <stdint.h>
#include <zk/io.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <typeinfo>

// libstdc++'s own small formatter.
namespace __gnu_cxx {
int __snprintf_lite(char* buffer, size_t size, const char* format, va_list arguments);
}

// In place of libstdc++'s, which as it is built here leaves the format as it is. The linker's
// --wrap has it called.
[[noreturn]] void throw_out_of_range(const char* format,
                                     ...) asm("__wrap__ZSt24__throw_out_of_range_fmtPKcz");
void throw_out_of_range(const char* format, ...) {
  char what[512];
  va_list arguments;
  va_start(arguments, format);
  __gnu_cxx::__snprintf_lite(what, sizeof(what), format, arguments);
  va_end(arguments);
  throw std::out_of_range(what);
}

namespace {

[[noreturn]] void uncaught() {
  if (const std::type_info* const type = __cxxabiv1::__cxa_current_exception_type()) {
    try {
      throw;
    } catch (const std::exception& e) {
      zk::fail(std::string("zkvm: uncaught exception: ") + e.what());
    } catch (...) {
      zk::fail(std::string("zkvm: uncaught exception of type ") + type->name());
    }
  }
  zk::fail("zkvm: std::terminate called");
}

// Before all other static constructors, which may throw and catch.
[[gnu::constructor(101)]] void set_up() { std::set_terminate(uncaught); }

}  // namespace
