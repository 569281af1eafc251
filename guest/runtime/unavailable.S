# What a guest cannot have, by the names that C and C++ code calls it. Each function refers to a symbol that
# nobody defines and whose name is the message, so that the linker prints it with the place that called.
# Weak, so that a program may bring its own; searched before the C library.
.macro unavailable reason, names:vararg
  .irp name, \names
  .section .text.\name, "ax", @progbits
  .weak \name
  .type \name, @function
\name:
  tail \reason
  .endr
.endm

unavailable ZKVM_ERROR_guests_have_no_files__use_zk_read_zk_commit_or_EMBED, \
  fopen, freopen, fdopen, fopencookie, tmpfile, open, openat, creat, close, read, write, lseek, lseek64, \
  stat, fstat, lstat, access, unlink, remove, rename, mkdir, rmdir, opendir, readdir, isatty, fcntl, ioctl, poll
unavailable ZKVM_ERROR_guests_have_no_threads, \
  pthread_create, pthread_join, pthread_mutex_lock, thrd_create, fork, vfork, execve, execv, wait, waitpid, \
  system, popen
unavailable ZKVM_ERROR_guests_have_no_clock__the_result_would_not_be_deterministic, \
  gettimeofday, clock_gettime, time, clock, times, nanosleep, usleep, sleep
unavailable ZKVM_ERROR_guests_have_no_entropy__read_a_seed_with_zk_read, \
  getentropy, getrandom, arc4random, arc4random_buf, rand_s
unavailable ZKVM_ERROR_guests_have_no_signals, \
  kill, sigaction, getpid
unavailable ZKVM_ERROR_guests_have_no_sockets, \
  socket, connect, bind, listen, accept, send, recv
