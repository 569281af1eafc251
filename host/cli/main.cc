// `zkvm`: the command line. One file per subcommand; host/zkvm.h does the work.
#include "host/cli/command_line.h"

int main(int argc, char** argv) { return zkvm::cli::command_main(argc, argv); }
