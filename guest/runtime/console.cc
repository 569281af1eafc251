#include "console.h"

#include <stdio.h>
#include <zk/io.h>
#include <zk/syscall.h>

namespace zk::console {
namespace {

constinit char g_buffer[256];
constinit uint32_t g_used = 0;
constinit uint32_t g_fd = abi::kFdStdout;

}  // namespace

void flush() {
  if (g_used != 0)
    abi::write(g_fd, g_buffer, g_used);  // no effect on the run: a lost message is lost
  g_used = 0;
}

void write(uint32_t fd, std::string_view text) {
  if (fd != g_fd) flush();
  g_fd = fd;
  for (const char c : text) {
    if (g_used == sizeof(g_buffer)) flush();
    g_buffer[g_used++] = c;
    if (c == '\n') flush();
  }
}

}  // namespace zk::console

namespace zk {

void log(std::string_view line) {
  console::write(abi::kFdStderr, line);
  console::write(abi::kFdStderr, "\n");
}

}  // namespace zk

// picolibc's stdio takes its three streams from the program.
namespace {

int put_stdout(char c, FILE*) {
  zk::console::write(zk::abi::kFdStdout, {&c, 1});
  return static_cast<unsigned char>(c);
}

int put_stderr(char c, FILE*) {
  zk::console::write(zk::abi::kFdStderr, {&c, 1});
  return static_cast<unsigned char>(c);
}

int get_stdin(FILE*) {
  zk::fail("zkvm: a guest has no stdin; read the input with zk::read (<zk/io.h>)");
}

int flush_console(FILE*) {
  zk::console::flush();
  return 0;
}

FILE g_stdout = FDEV_SETUP_STREAM(put_stdout, nullptr, flush_console, _FDEV_SETUP_WRITE);
FILE g_stderr = FDEV_SETUP_STREAM(put_stderr, nullptr, flush_console, _FDEV_SETUP_WRITE);
FILE g_stdin = FDEV_SETUP_STREAM(nullptr, get_stdin, nullptr, _FDEV_SETUP_READ);

}  // namespace

FILE* const stdout = &g_stdout;
FILE* const stderr = &g_stderr;
FILE* const stdin = &g_stdin;
