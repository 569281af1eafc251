// Proves: "I know a 28x28 picture that this 784-56-10 network classifies like this".
#include "digit.h"
#include "mlp.h"

int main() { commit_result(mlp::infer(read_digit())); }
