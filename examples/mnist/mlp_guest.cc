// Proves: "I know a 28x28 picture that this 784-56-10 network classifies like this".
// The picture is private. The network is not: constants of a program are public to whoever has
// enough receipts.
#include "digit.h"
#include "mlp.h"

int main() { commit_result(mlp::infer(read_digit<mlp::Image>())); }
