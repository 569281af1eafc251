// For zkvm_add_guest(... EXCEPTIONS): the unwinder that libstdc++ calls, by the Itanium C++ ABI, in
// place of libgcc's, whose general machinery costs four times as many instructions.
//
// A throw goes from frame to frame twice: to find who catches, then to get there, through the
// landing pads on the way. What a frame's unwind program (DWARF's call frame information) says of a
// pc is kept: the second way, and the next throw, find it ready.
#include <stdint.h>
#include <unwind.h>
#include <zk/io.h>

namespace {

constexpr int kRa = 1, kSp = 2;
constexpr int kRegisters = 32;

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

}  // namespace

extern "C" const Table __zk_eh_frame_hdr;

// A frame as personality routines see it: a function's registers, as far as callees keep them, and
// the place where it is. The code below that captures and installs knows where these stand.
struct _Unwind_Context {
  uint32_t x[kRegisters];
  uint32_t pc;  // inside the call: the return address less 1; SetIP: where to go on
  uint32_t function;
  const void* handlers;  // the "language-specific data area"
  uint32_t cfa;
  uint32_t unused[4];
};
static_assert(sizeof(_Unwind_Context) == 160);

namespace {

using Frame = _Unwind_Context;

// What holds at one pc: cfa = x[cfa_register] + cfa_offset, register r is found at cfa + offset.
struct Rules {
  struct Saved {
    uint8_t r;
    int16_t offset;
  };
  uint32_t pc;  // 0: nothing is known
  uint32_t function;
  const void* handlers;
  _Unwind_Personality_Fn personality;
  int32_t cfa_offset;
  uint8_t cfa_register;
  bool outermost;
  uint8_t saved_count;
  Saved saved[13];
};

constexpr uint32_t kKept = 64;
constinit Rules g_kept[kKept] = {};

[[noreturn]] void unknown() {
  zk::fail("zkvm: unwind information of a kind that compilers do not write");
}

class Reader {
 public:
  explicit Reader(const uint8_t* at) : at_(at) {}

  const uint8_t* at() const { return at_; }
  void skip(uint32_t bytes) { at_ += bytes; }
  template <class T>
  T get() {  // little-endian, not aligned
    uint32_t value = 0;
    for (uint32_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint32_t>(at_[i]) << (8 * i);
    at_ += sizeof(T);
    return static_cast<T>(value);
  }
  uint32_t uleb() {
    uint32_t value = 0;
    for (uint32_t shift = 0;; shift += 7) {
      const uint8_t byte = *at_++;
      value |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  int32_t sleb() {
    uint32_t value = 0, shift = 0;
    for (uint8_t byte = 0x80; byte >= 0x80; shift += 7) {
      byte = *at_++;
      value |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if (byte < 0x80 && (byte & 0x40) != 0 && shift < 25) value |= ~0u << (shift + 7);
    }
    return static_cast<int32_t>(value);
  }
  // DW_EH_PE_*: four bytes, absolute or from here, perhaps where the pointer is.
  uint32_t pointer(uint8_t encoding) {
    const auto here = reinterpret_cast<uintptr_t>(at_);
    const uint8_t format = encoding & 0x0f, base = encoding & 0x70;
    if ((format != 0x00 && format != 0x03 && format != 0x0b) || (base != 0x00 && base != 0x10))
      unknown();
    uint32_t value = get<uint32_t>();
    if (value == 0) return 0;
    if (base == 0x10) value += here;
    if ((encoding & 0x80) != 0) value = *reinterpret_cast<const uint32_t*>(value);
    return value;
  }

 private:
  const uint8_t* at_;
};

// Where the description of the function at `pc` begins, or null.
const uint8_t* find_description(uint32_t pc) {
  const Table& table = __zk_eh_frame_hdr;
  const auto base = reinterpret_cast<uintptr_t>(&table);
  const auto place = static_cast<int32_t>(pc - base);
  uint32_t low = 0, high = table.count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (table.entries[middle].function <= place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low == 0 ? nullptr
                  : reinterpret_cast<const uint8_t*>(base + table.entries[low - 1].description);
}

// The state of an unwind program.
struct State {
  static constexpr int16_t kNotSaved = INT16_MIN;
  int32_t cfa_offset = 0;
  uint32_t cfa_register = kSp;
  bool ra_undefined = false;
  int16_t offsets[kRegisters];

  State() {
    for (int16_t& offset : offsets) offset = kNotSaved;
  }
};

class Program {
 public:
  Program(uint32_t location, uint32_t pc, uint32_t code_factor, int32_t data_factor)
      : location_(location), pc_(pc), code_factor_(code_factor), data_factor_(data_factor) {}

  State state;

  void keep_as_initial() { initial_ = state; }

  // Carries instructions out, as far as they speak of pc.
  void run(Reader in, const uint8_t* end) {
    while (in.at() < end && location_ <= pc_) {
      const auto op = in.get<uint8_t>();
      const uint32_t low = op & 0x3f;
      switch (op & 0xc0) {
        case 0x40:
          location_ += low * code_factor_;
          break;
        case 0x80:
          save(low, static_cast<int32_t>(in.uleb()));
          break;
        case 0xc0:
          restore(low);
          break;
        default:
          extended(op, in);
      }
    }
  }

 private:
  void save(uint32_t r, int32_t factored) {
    if (r < kRegisters) state.offsets[r] = static_cast<int16_t>(factored * data_factor_);
  }
  void restore(uint32_t r) {
    if (r < kRegisters) state.offsets[r] = initial_.offsets[r];
  }
  void forget(uint32_t r) {
    if (r < kRegisters) state.offsets[r] = State::kNotSaved;
  }

  void extended(uint8_t op, Reader& in) {
    switch (op) {
      case 0x00:  // nop
        return;
      case 0x02:  // advance_loc1, 2, 4
        location_ += in.get<uint8_t>() * code_factor_;
        return;
      case 0x03:
        location_ += in.get<uint16_t>() * code_factor_;
        return;
      case 0x04:
        location_ += in.get<uint32_t>() * code_factor_;
        return;
      case 0x05: {  // offset_extended, and signed
        const uint32_t r = in.uleb();
        return save(r, static_cast<int32_t>(in.uleb()));
      }
      case 0x11: {
        const uint32_t r = in.uleb();
        return save(r, in.sleb());
      }
      case 0x06:  // restore_extended
        return restore(in.uleb());
      case 0x07: {  // undefined
        const uint32_t r = in.uleb();
        if (r == kRa) state.ra_undefined = true;
        return forget(r);
      }
      case 0x08:  // same_value
        return forget(in.uleb());
      case 0x0a:  // remember_state
        if (depth_ == kDeepest) unknown();
        remembered_[depth_++] = state;
        return;
      case 0x0b:  // restore_state
        if (depth_ == 0) unknown();
        state = remembered_[--depth_];
        return;
      case 0x0c:  // def_cfa, and signed
        state.cfa_register = in.uleb();
        state.cfa_offset = static_cast<int32_t>(in.uleb());
        return;
      case 0x12:
        state.cfa_register = in.uleb();
        state.cfa_offset = in.sleb() * data_factor_;
        return;
      case 0x0d:  // def_cfa_register
        state.cfa_register = in.uleb();
        return;
      case 0x0e:  // def_cfa_offset, and signed
        state.cfa_offset = static_cast<int32_t>(in.uleb());
        return;
      case 0x13:
        state.cfa_offset = in.sleb() * data_factor_;
        return;
      case 0x2e:  // GNU_args_size
        in.uleb();
        return;
      default:
        unknown();
    }
  }

  static constexpr int kDeepest = 4;
  uint32_t location_, pc_, code_factor_;
  int32_t data_factor_;
  State initial_;
  int depth_ = 0;
  State remembered_[kDeepest];
};

// Reads the description of the function at pc; false where there is none.
[[gnu::noinline]] bool read_rules(uint32_t pc, Rules& rules) {
  const uint8_t* const description = find_description(pc);
  if (description == nullptr) return false;
  Reader in(description);
  const auto length = in.get<uint32_t>();
  const uint8_t* const end = in.at() + length;
  const uint8_t* const common_at = in.at() - *reinterpret_cast<const int32_t*>(in.at());
  in.skip(4);

  Reader common(common_at);
  const auto common_length = common.get<uint32_t>();
  const uint8_t* const common_end = common.at() + common_length;
  common.skip(4);
  const auto version = common.get<uint8_t>();
  const uint8_t* letters = common.at();
  while (common.get<uint8_t>() != 0) {
  }
  const uint32_t code_factor = common.uleb();
  const int32_t data_factor = common.sleb();
  if (version == 1) {
    common.skip(1);
  } else {
    common.uleb();
  }
  uint8_t pointers = 0, handlers = 0xff;
  uint32_t personality = 0;
  const bool augmented = *letters == 'z';
  if (augmented) {
    const uint32_t size = common.uleb();
    const uint8_t* const instructions = common.at() + size;
    for (++letters; *letters != 0; ++letters) {
      if (*letters == 'R') {
        pointers = common.get<uint8_t>();
      } else if (*letters == 'L') {
        handlers = common.get<uint8_t>();
      } else if (*letters == 'P') {
        const auto encoding = common.get<uint8_t>();
        personality = common.pointer(encoding);
      } else {
        unknown();
      }
    }
    common = Reader(instructions);
  } else if (*letters != 0) {
    unknown();
  }

  const uint32_t function = in.pointer(pointers);
  const auto size = in.get<uint32_t>();
  if (pc - function >= size) return false;
  rules = {.pc = pc,
           .function = function,
           .handlers = nullptr,
           .personality = reinterpret_cast<_Unwind_Personality_Fn>(personality),
           .cfa_offset = 0,
           .cfa_register = 0,
           .outermost = false,
           .saved_count = 0,
           .saved = {}};
  if (augmented) {
    const uint32_t bytes = in.uleb();
    Reader instructions(in.at() + bytes);
    if (handlers != 0xff) rules.handlers = reinterpret_cast<const void*>(in.pointer(handlers));
    in = instructions;
  }
  Program program(function, pc, code_factor, data_factor);
  program.run(common, common_end);
  program.keep_as_initial();
  program.run(in, end);

  const State& state = program.state;
  if (state.cfa_register >= kRegisters) unknown();
  rules.cfa_register = static_cast<uint8_t>(state.cfa_register);
  rules.cfa_offset = state.cfa_offset;
  rules.outermost = state.ra_undefined;
  for (int r = 1; r < kRegisters; ++r) {
    if (state.offsets[r] == State::kNotSaved) continue;
    if (rules.saved_count == sizeof(rules.saved) / sizeof(rules.saved[0])) unknown();
    rules.saved[rules.saved_count++] = {static_cast<uint8_t>(r), state.offsets[r]};
  }
  return true;
}

// What holds where the frame is, which it then knows, too; null at the end of the stack.
const Rules* rules_of(Frame& frame) {
  Rules& rules = g_kept[frame.pc / 4 % kKept];
  if (rules.pc != frame.pc || frame.pc == 0) {
    rules.pc = 0;
    if (!read_rules(frame.pc, rules)) return nullptr;
  }
  frame.function = rules.function;
  frame.handlers = rules.handlers;
  frame.cfa = frame.x[rules.cfa_register] + rules.cfa_offset;
  return &rules;
}

// The frame of the caller; false where there is none.
bool go_out(Frame& frame, const Rules& rules) {
  if (rules.outermost) return false;
  for (int i = 0; i < rules.saved_count; ++i) {
    const Rules::Saved saved = rules.saved[i];
    frame.x[saved.r] = *reinterpret_cast<const uint32_t*>(frame.cfa + saved.offset);
  }
  frame.x[kSp] = frame.cfa;
  frame.pc = frame.x[kRa] - 1;
  return true;
}

}  // namespace

extern "C" {

[[noreturn]] void zk_install_frame(const Frame* frame);

// The second way. Does not return, unless the stack is not what the first way found.
_Unwind_Reason_Code zk_unwind_to_handler(_Unwind_Exception* exception, Frame* frame) {
  for (;;) {
    const Rules* const rules = rules_of(*frame);
    if (rules == nullptr) return _URC_FATAL_PHASE2_ERROR;
    const bool is_handler = frame->cfa == exception->private_2;
    if (rules->personality != nullptr) {
      const auto code =
          rules->personality(1, _UA_CLEANUP_PHASE | (is_handler ? _UA_HANDLER_FRAME : 0),
                             exception->exception_class, exception, frame);
      if (code == _URC_INSTALL_CONTEXT) zk_install_frame(frame);
      if (code != _URC_CONTINUE_UNWIND) return _URC_FATAL_PHASE2_ERROR;
    }
    if (is_handler || !go_out(*frame, *rules)) return _URC_FATAL_PHASE2_ERROR;
  }
}

// `start` is the frame of the caller. Returns where nobody catches.
_Unwind_Reason_Code zk_raise(_Unwind_Exception* exception, Frame* start) {
  Frame frame = *start;
  for (;;) {
    const Rules* const rules = rules_of(frame);
    if (rules == nullptr) return _URC_END_OF_STACK;
    if (rules->personality != nullptr) {
      const auto code =
          rules->personality(1, _UA_SEARCH_PHASE, exception->exception_class, exception, &frame);
      if (code == _URC_HANDLER_FOUND) break;
      if (code != _URC_CONTINUE_UNWIND) return _URC_FATAL_PHASE1_ERROR;
    }
    if (!go_out(frame, *rules)) return _URC_END_OF_STACK;
  }
  exception->private_1 = 0;
  exception->private_2 = frame.cfa;
  return zk_unwind_to_handler(exception, start);
}

void zk_resume(_Unwind_Exception* exception, Frame* start) {
  zk_unwind_to_handler(exception, start);
  zk::fail("zkvm: the stack was damaged while an exception went through it");
}

// The entries put the caller's frame on the stack, as _Unwind_Context has it.
asm(R"(
  .macro zk_capture name, target
  .section .text.\name, "ax", @progbits
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc
  addi sp, sp, -160
  .cfi_def_cfa_offset 160
  sw ra, 4(sp)
  .cfi_offset ra, -156
  sw s0, 32(sp)
  sw s1, 36(sp)
  sw s2, 72(sp)
  sw s3, 76(sp)
  sw s4, 80(sp)
  sw s5, 84(sp)
  sw s6, 88(sp)
  sw s7, 92(sp)
  sw s8, 96(sp)
  sw s9, 100(sp)
  sw s10, 104(sp)
  sw s11, 108(sp)
  addi t0, sp, 160
  sw t0, 8(sp)
  addi t0, ra, -1
  sw t0, 128(sp)
  mv a1, sp
  call \target
  lw ra, 4(sp)
  addi sp, sp, 160
  .cfi_def_cfa_offset 0
  ret
  .cfi_endproc
  .size \name, . - \name
  .endm
  zk_capture _Unwind_RaiseException, zk_raise
  zk_capture _Unwind_Resume_or_Rethrow, zk_raise
  zk_capture _Unwind_Resume, zk_resume

  .section .text.zk_install_frame, "ax", @progbits
  .globl zk_install_frame
  .type zk_install_frame, @function
zk_install_frame:
  lw s0, 32(a0)
  lw s1, 36(a0)
  lw s2, 72(a0)
  lw s3, 76(a0)
  lw s4, 80(a0)
  lw s5, 84(a0)
  lw s6, 88(a0)
  lw s7, 92(a0)
  lw s8, 96(a0)
  lw s9, 100(a0)
  lw s10, 104(a0)
  lw s11, 108(a0)
  lw ra, 128(a0)
  lw sp, 8(a0)
  lw a1, 44(a0)
  lw a0, 40(a0)
  ret
  .size zk_install_frame, . - zk_install_frame
  .text
)");

void _Unwind_DeleteException(_Unwind_Exception* exception) {
  if (exception->exception_cleanup != nullptr) {
    exception->exception_cleanup(_URC_FOREIGN_EXCEPTION_CAUGHT, exception);
  }
}

_Unwind_Word _Unwind_GetGR(Frame* frame, int r) { return frame->x[r]; }
void _Unwind_SetGR(Frame* frame, int r, _Unwind_Word value) { frame->x[r] = value; }
_Unwind_Ptr _Unwind_GetIP(Frame* frame) { return frame->pc + 1; }
_Unwind_Ptr _Unwind_GetIPInfo(Frame* frame, int* before) {
  *before = 0;
  return frame->pc + 1;
}
void _Unwind_SetIP(Frame* frame, _Unwind_Ptr pc) { frame->pc = pc; }
_Unwind_Word _Unwind_GetCFA(Frame* frame) { return frame->cfa; }
void* _Unwind_GetLanguageSpecificData(Frame* frame) { return const_cast<void*>(frame->handlers); }
_Unwind_Ptr _Unwind_GetRegionStart(Frame* frame) { return frame->function; }
_Unwind_Ptr _Unwind_GetDataRelBase(Frame*) { return 0; }
_Unwind_Ptr _Unwind_GetTextRelBase(Frame*) { return 0; }

}  // extern "C"

namespace {

// Before all other static constructors, which may throw and catch.
[[gnu::constructor(101)]] void check_table() {
  constexpr uint8_t kCount4 = 0x03, kOffsets4 = 0x3b;  // DW_EH_PE_udata4, datarel | sdata4
  const Table& table = __zk_eh_frame_hdr;
  if (table.version != 1 || table.count_encoding != kCount4 || table.entry_encoding != kOffsets4) {
    zk::fail("zkvm: the linker made no table of functions for the unwinder");
  }
}

}  // namespace
