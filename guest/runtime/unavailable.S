# What a guest cannot have, by the names that C and C++ code calls it. All are weak, so that a program may
# bring its own, and stand in an archive that is searched before the C library.

# Fails at link time: the function refers to a symbol that nobody defines and whose name is the message, so
# that the linker prints it.
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
  fopen, freopen, fopencookie, tmpfile, open, openat, creat, stat, lstat, access, unlink, remove, rename, \
  mkdir, rmdir, opendir, readdir
unavailable ZKVM_ERROR_guests_have_one_thread, \
  pthread_create, pthread_join, pthread_mutex_lock, thrd_create, mtx_init, fork, vfork, execve, execv, wait, \
  waitpid, system, popen, _ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE
unavailable ZKVM_ERROR_guests_have_no_clock__their_runs_are_deterministic, \
  gettimeofday, clock_gettime, time, clock, times, nanosleep, usleep, sleep
unavailable ZKVM_ERROR_guests_have_no_signals, kill, sigaction, getpid
unavailable ZKVM_ERROR_guests_have_no_sockets, socket, connect, bind, listen, accept, send, recv

# Fails at run time, with a message and a trap: what libstdc++'s <iostream> refers to without need.
.macro unavailable_if_called message, names:vararg
  .irp name, \names
  .section .text.\name, "ax", @progbits
  .weak \name
  .type \name, @function
\name:
  la a0, \message
  tail zk_unavailable
  .endr
.endm

unavailable_if_called .Lfiles, fdopen, close, read, write, lseek, lseek64, fstat, isatty, fcntl, ioctl, poll
unavailable_if_called .Lentropy, getentropy, getrandom, arc4random, arc4random_buf, rand_s
unavailable_if_called .Lwide, getwc, ungetwc, putwc, wcsftime

  .section .rodata.zk_unavailable, "a", @progbits
.Lfiles: .asciz "zkvm: guests have no files; use zk::read, zk::commit or EMBED"
.Lentropy: .asciz "zkvm: guests have no entropy; read a seed with zk::read"
.Lwide: .asciz "zkvm: guests have no wide-character streams"
