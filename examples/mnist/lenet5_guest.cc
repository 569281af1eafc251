// Proves: "I know a 28x28 picture that this LeNet-5 classifies like this".
// The picture is private, the network is not: see mlp_guest.cc.
#include "digit.h"
#include "lenet5.h"

int main() { commit_result(lenet5::infer(read_digit<lenet5::Image>())); }
