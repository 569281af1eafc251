// One word of a read or of a journal write (system.h).
//
//   clk place left position | m[2] tm age_hi | value[2] | read journal read_only
//
// Takes a transfer with `left` words to go, accesses the word at `place` at time 4 clk + 2, and
// hands the transfer on with the next place and position. A read leaves any value there, the
// prover's choice; a journal write leaves what it finds and sends it to the journal. `read_only`
// says which kind of memory a journal write reads. Buses: transfer 2, memory 4, range16 2,
// journal 1.
//
// Why it is sound: clk, place and position come from the call. Constants cannot be read into,
// because the flag is 0 there. Only one kind of memory is declared at a place, so that for the
// journal the flag is not the prover's choice. A row with 0 words left could go on, but then the
// call's end, with 0 words left, is missing until after p rows. On padding rows both flags are 0:
// no traffic.
#pragma once

#include "stark/chips/rv32im/system.h"

namespace zkvm::stark::chips {

struct Transfer {
  static constexpr const char* kName = "transfer";
  static constexpr const char* kColumns =
      "clk place left position m[2] tm age_hi value[2] read journal read_only";
  template <class T>
  struct Cols {
    T clk, place, left, position;
    FoundInRam<T> m;
    Limbs<T> value;
    T read, journal, read_only;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    air.assert_bool("read", row.read);
    air.assert_bool("journal", row.journal);
    air.assert_bool("read only", row.read_only);
    const E real = row.read + row.journal;
    air.assert_bool("one kind", real);
    air.assert_zero("constants go to the journal only", row.read_only * (1 - row.journal));
    air.receive(kTransfer, real, {row.journal, row.clk, row.place, row.left, row.position});
    air.send(kTransfer, real,
             {row.journal, row.clk, row.place + 1, row.left - 1, row.position + 1});
    access_ram(air, real, row.place + row.read_only * kReadOnlyBase, row.m, row.value,
               row.clk * 4 + 2);
    check_limbs(air, row.read, row.value);
    air.assert_zero("the journal changes nothing", row.journal * (row.value.lo - row.m.value.lo));
    air.assert_zero("the journal changes nothing", row.journal * (row.value.hi - row.m.value.hi));
    air.send(kJournal, row.journal, {row.position, row.value.lo, row.value.hi});
  }

  /// Word `i` of a call. `call`: as vm::SystemRow; `record`: as vm::TransferRow.
  template <class SystemRecord, class Record>
  static void fill(Cols<Fp>& row, const SystemRecord& call, const Record& record, uint32_t i,
                   bool read_only) {
    const bool journal = call.a7.value == System::kWrite;
    row = {.clk = fp(call.clk),
           .place = fp(record.word),
           .left = fp(call.words - i),
           .position = fp((journal ? call.journal.value : 0) + i),
           .m = found_in_ram(record.memory, call.clk * 4 + 2),
           .value = limbs_of(record.value),
           .read = fp(!journal),
           .journal = fp(journal),
           .read_only = fp(read_only)};
  }
};

}  // namespace zkvm::stark::chips
