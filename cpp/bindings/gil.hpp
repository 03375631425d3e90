// The GIL for threads that may outlive the interpreter. A daemon thread that asks for it while
// Python exits is ended by Python with pthread_exit (before 3.14), which unwinds C++ like an
// exception: through `catch (...)`, destructors and OpenMP, all of which abort the process. So
// whatever may wait for the GIL stands in `alive`, right at the call: the thread then sleeps
// until the process is gone, as it does in Python 3.14 and later.
#pragma once

#include <pybind11/pybind11.h>
#include <unistd.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace m4dl::bind {

[[noreturn]] inline void sleep_for_good() {
    for (;;) pause();
}

inline bool exiting() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

// body(), a call of Python's C functions alone: nothing in it wants to be destroyed.
template <class Body>
auto alive(Body&& body) {
#ifdef __GLIBCXX__
    try {
        return body();
    } catch (abi::__forced_unwind&) {
        sleep_for_good();
    }
#else
    return body();
#endif
}

class Acquired {
public:
    Acquired() {
        if (exiting() && !PyGILState_Check()) sleep_for_good();
        state_ = alive([] { return PyGILState_Ensure(); });
    }
    ~Acquired() {
        alive([this] { PyGILState_Release(state_); });
    }
    Acquired(const Acquired&) = delete;
    Acquired& operator=(const Acquired&) = delete;

private:
    PyGILState_STATE state_{};
};

class Released {
public:
    Released() : thread_(PyEval_SaveThread()) {}
    ~Released() {
        alive([this] { PyEval_RestoreThread(thread_); });
    }
    Released(const Released&) = delete;
    Released& operator=(const Released&) = delete;

private:
    PyThreadState* thread_;
};

}  // namespace m4dl::bind
