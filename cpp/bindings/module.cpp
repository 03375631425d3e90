// The extension module: one line per family.
#include <pybind11/pybind11.h>

#include <Eigen/Core>
#include <exception>
#include <new>
#include <stdexcept>

namespace m4dl::bind {
void bind_base(pybind11::module_& m);
void bind_linalg(pybind11::module_& m);
void bind_meshes(pybind11::module_& m);
void bind_models(pybind11::module_& m);
void bind_elliptic(pybind11::module_& m);
void bind_priors(pybind11::module_& m);
void bind_rays(pybind11::module_& m);
void bind_density(pybind11::module_& m);
void bind_reference(pybind11::module_& m);
void bind_kernels(pybind11::module_& m);
void bind_run(pybind11::module_& m);
void bind_stats(pybind11::module_& m);
}  // namespace m4dl::bind

PYBIND11_MODULE(_core, m) {
    // Asked for last, so asked first: what is too large is said without the C++ library's words.
    pybind11::register_local_exception_translator([](std::exception_ptr error) {
        const char* const message = "not enough memory for what was asked";
        try {
            std::rethrow_exception(std::move(error));
        } catch (const std::bad_alloc&) {
            PyErr_SetString(PyExc_MemoryError, message);
        } catch (const std::length_error&) {
            PyErr_SetString(PyExc_MemoryError, message);
        }
    });
    // Eigen blocks dense products by the size of the caches, and so the order of their sums. One
    // fixed size, so that draws do not depend on the processor.
    Eigen::setCpuCacheSizes(32 * 1024, 512 * 1024, 2 * 1024 * 1024);
    m.doc() = "Compiled core of m4dl.";
    m4dl::bind::bind_base(m);
    m4dl::bind::bind_linalg(m);
    m4dl::bind::bind_meshes(m);
    m4dl::bind::bind_models(m);
    m4dl::bind::bind_elliptic(m);
    m4dl::bind::bind_priors(m);
    m4dl::bind::bind_rays(m);
    m4dl::bind::bind_density(m);
    m4dl::bind::bind_reference(m);
    m4dl::bind::bind_kernels(m);
    m4dl::bind::bind_run(m);
    m4dl::bind::bind_stats(m);
}
