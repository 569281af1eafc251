// For zkvm_add_guest(... EXCEPTIONS): finds unwind tables for libgcc's unwinder, gives what() of
// std::out_of_range its numbers, and an exception that nobody catches a message.
#include <cxxabi.h>
#include <stdarg.h>
#include <stdint.h>
#include <zk/io.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <typeinfo>

namespace {

// The linker's table of functions, sorted, in .eh_frame_hdr (the Linux Standard Base describes it).
// Offsets are from the table's first byte.
struct Entry {
  int32_t function;
  int32_t description;
};
struct Table {
  uint8_t version, frame_pointer_encoding, count_encoding, entry_encoding;
  int32_t frame_pointer;
  uint32_t count;
  Entry entries[];
};

// A frame description entry as far as the look-up needs it; both compilers write 4-byte addresses.
struct Description {
  uint32_t length;
  int32_t common;
  int32_t begin;
  uint32_t size;
};

// What libgcc's unwinder wants to know beside the description.
struct Bases {
  const void* text;
  const void* data;
  const void* function;
};

}  // namespace

extern "C" {

extern const Table __zk_eh_frame_hdr;

// In place of libgcc's, which looks for tables that were registered at run time and sorts them at
// the first throw: 160,000 instructions, and 10,000 for the look-ups of each throw.
const Description* _Unwind_Find_FDE(const void* pc, Bases* bases) {
  const Table& table = __zk_eh_frame_hdr;
  const char* const base = reinterpret_cast<const char*>(&table);
  const auto place = static_cast<const char*>(pc) - base;
  uint32_t low = 0, high = table.count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (table.entries[middle].function <= place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return nullptr;
  const Entry& entry = table.entries[low - 1];
  const auto* found = reinterpret_cast<const Description*>(base + entry.description);
  if (static_cast<uint32_t>(place - entry.function) >= found->size) return nullptr;
  *bases = {nullptr, nullptr, base + entry.function};
  return found;
}

}  // extern "C"

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
[[gnu::constructor(101)]] void set_up() {
  constexpr uint8_t kCount4 = 0x03, kOffsets4 = 0x3b;  // DW_EH_PE_udata4, datarel | sdata4
  const Table& table = __zk_eh_frame_hdr;
  if (table.version != 1 || table.count_encoding != kCount4 || table.entry_encoding != kOffsets4) {
    zk::fail("zkvm: the linker made no table of functions for the unwinder");
  }
  std::set_terminate(uncaught);
}

}  // namespace
