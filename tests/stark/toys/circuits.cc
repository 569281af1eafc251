// The toys' chips are recorded here, once for all tests, which would take long to
// compile otherwise.
#include "tests/stark/toys/all.h"

namespace zkvm::stark::toys {

template Circuit make_circuit(FibonacciChips, CircuitOptions);
template Circuit make_circuit(AccumulatorChips, CircuitOptions);
template Circuit make_circuit(PermutationChips, CircuitOptions);
template Circuit make_circuit(MemoryChips, CircuitOptions);
template Circuit make_circuit(SharedMemoryChips, CircuitOptions);
template Circuit make_circuit(MachineChips, CircuitOptions);
template Circuit make_circuit(MixedChips, CircuitOptions);
template Circuit make_circuit(SequenceChips, CircuitOptions);
template Circuit make_circuit(ProductChips, CircuitOptions);
template Circuit make_circuit(WideChips, CircuitOptions);

}  // namespace zkvm::stark::toys
