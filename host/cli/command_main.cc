// The command line as a whole: what it says where something fails that no command expects.
#include <malloc.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "host/cli/command.h"
#include "host/cli/command_line.h"
#include "host/cli/output.h"
#include "host/cli/table.h"

namespace zkvm::cli {

int command_main(int argc, char** argv) {
  keep_standard_files();
#ifdef M_MMAP_THRESHOLD
  // Where the C library's threshold begins. It would rise to the largest block that was ever freed, and
  // blocks of a megabyte would leave their holes in the heap.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
  std::string problem;
  try {
    const int status = run_command_line(argc, argv);
    if (status == kError) return status;  // it has said why
    const zkvm::Result<void> written = flush_stdout();
    if (written) return status;
    problem = written.error().message;
  } catch (const std::bad_alloc&) {
    problem = "out of memory on the host";
  } catch (const std::system_error& error) {
    // fmt::print throws it where stdout fails, without its name.
    const zkvm::Result<void> written = flush_stdout(std::ferror(stdout) ? error.code().value() : 0);
    problem = written ? error.what() : written.error().message;
  } catch (const std::exception& error) {
    problem = error.what();
  }
  write_to(stderr, "zkvm: " + problem + "\n");
  return kError;
}

}  // namespace zkvm::cli
