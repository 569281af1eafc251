// For zkvm_add_guest(... EXCEPTIONS): makes the program's unwind tables known to libgcc's unwinder,
// and gives an exception that nobody catches a message.
#include <cxxabi.h>
#include <stdint.h>
#include <zk/io.h>

#include <exception>
#include <string>
#include <typeinfo>

extern "C" {
extern const char __zk_eh_frame[];
void __register_frame_info(const void* begin, void* object);
}

namespace {

// Space that libgcc keeps its record of the tables in (struct object: six words, and room to
// spare).
constinit uintptr_t g_object[16] = {};

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
[[gnu::constructor(101)]] void register_tables() {
  __register_frame_info(__zk_eh_frame, g_object);
  std::set_terminate(uncaught);
}

}  // namespace
