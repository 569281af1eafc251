// LeNet-5 on as many digits as the input has, one after the other: their results in the journal.
#include "digit.h"
#include "lenet5.h"

int main() {
  for (uint32_t left = zk::read<uint32_t>(); left > 0; --left)
    commit_result(lenet5::infer(read_digit<lenet5::Image>()));
}
