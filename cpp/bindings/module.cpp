// The extension module: one line per family.
#include <pybind11/pybind11.h>

namespace m4dl::bind {
void bind_base(pybind11::module_& m);
void bind_models(pybind11::module_& m);
void bind_priors(pybind11::module_& m);
void bind_mcmc(pybind11::module_& m);
}  // namespace m4dl::bind

PYBIND11_MODULE(_core, m) {
    m.doc() = "Compiled core of m4dl.";
    m4dl::bind::bind_base(m);
    m4dl::bind::bind_models(m);
    m4dl::bind::bind_priors(m);
    m4dl::bind::bind_mcmc(m);
}
