// librdkafka uses the threads and locks of C11, of which ThreadSanitizer knows nothing: what its
// threads call of ours would run without TSan's state, and crash. Here they are those of POSIX,
// which in glibc they are anyway. Linked into programs that are built with -fsanitize=thread, where
// these names come before libc's.
#include <pthread.h>
#include <threads.h>

#include <cerrno>
#include <cstdint>

namespace {

struct Started {
  thrd_start_t run;
  void* argument;
};

void* Run(void* started) {
  const Started own = *static_cast<Started*>(started);
  delete static_cast<Started*>(started);
  return reinterpret_cast<void*>(static_cast<intptr_t>(own.run(own.argument)));
}

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t run, void* argument) {
  auto* started = new Started{run, argument};
  if (pthread_create(thread, nullptr, &Run, started) == 0) return thrd_success;
  delete started;
  return thrd_error;
}

int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  if (pthread_join(thread, &returned) != 0) return thrd_error;
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<intptr_t>(returned));
  return thrd_success;
}

int mtx_lock(mtx_t* mutex) {
  return pthread_mutex_lock(reinterpret_cast<pthread_mutex_t*>(mutex)) == 0 ? thrd_success
                                                                            : thrd_error;
}

int mtx_unlock(mtx_t* mutex) {
  return pthread_mutex_unlock(reinterpret_cast<pthread_mutex_t*>(mutex)) == 0 ? thrd_success
                                                                              : thrd_error;
}

int cnd_signal(cnd_t* condition) {
  return pthread_cond_signal(reinterpret_cast<pthread_cond_t*>(condition)) == 0 ? thrd_success
                                                                                : thrd_error;
}

int cnd_broadcast(cnd_t* condition) {
  return pthread_cond_broadcast(reinterpret_cast<pthread_cond_t*>(condition)) == 0 ? thrd_success
                                                                                   : thrd_error;
}

int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return pthread_cond_wait(reinterpret_cast<pthread_cond_t*>(condition),
                           reinterpret_cast<pthread_mutex_t*>(mutex)) == 0
             ? thrd_success
             : thrd_error;
}

int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const struct timespec* until) {
  switch (pthread_cond_timedwait(reinterpret_cast<pthread_cond_t*>(condition),
                                 reinterpret_cast<pthread_mutex_t*>(mutex), until)) {
    case 0: return thrd_success;
    case ETIMEDOUT: return thrd_timedout;
    default: return thrd_error;
  }
}

int thrd_detach(thrd_t thread) { return pthread_detach(thread) == 0 ? thrd_success : thrd_error; }

}  // extern "C"
