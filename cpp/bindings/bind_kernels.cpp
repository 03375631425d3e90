// The kernels, values that a run is made of.
#include "kernels.hpp"

#include "arrays.hpp"

namespace m4dl::bind {

using namespace pybind11::literals;

namespace {

Index checked(Index safeguard) {
    require(safeguard >= 0, "safeguard must not be negative, got ", safeguard);
    return safeguard;
}

}  // namespace

// target = 0: no adaptation; safeguard = 0: none.
void bind_kernels(py::module_& m) {
    py::class_<Pcn>(m, "Pcn").def(py::init([](double beta, double target, Index safeguard) {
                                      return Pcn{beta, target, checked(safeguard)};
                                  }),
                                  py::kw_only(), "beta"_a, "target"_a = 0.0, "safeguard"_a = 0);
    py::class_<Mala>(m, "Mala").def(py::init<double, double>(), py::kw_only(), "step_size"_a,
                                    "target"_a = 0.0);
    py::class_<InfinityMala>(m, "InfinityMala")
        .def(py::init([](double step_size, double target, Index safeguard) {
                 return InfinityMala{step_size, target, checked(safeguard)};
             }),
             py::kw_only(), "step_size"_a, "target"_a = 0.0, "safeguard"_a = 0);
    py::class_<Ula>(m, "Ula").def(py::init<double>(), py::kw_only(), "step_size"_a);
    py::class_<Hmc>(m, "Hmc").def(py::init<double, double, Index, double>(), py::kw_only(),
                                  "step_size"_a, "trajectory"_a, "most"_a, "target"_a = 0.0);
    py::class_<Delayed>(m, "Delayed")
        .def(py::init(
                 [](const std::shared_ptr<Potential>& coarse, const Inner& kernel, Index steps) {
                     require(steps > 0, "steps must be at least 1, got ", steps);
                     return Delayed{coarse, kernel, steps};
                 }),
             py::kw_only(), "coarse"_a.none(false), "kernel"_a, "steps"_a);
}

}  // namespace m4dl::bind
