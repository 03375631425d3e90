// Posteriors as the core sees them: their potential, its derivatives, and a surrogate.
#include "arrays.hpp"
#include "m4dl/bayes/potential.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;
using SharedPotential = std::shared_ptr<Potential>;
using SharedSurrogate = std::shared_ptr<Surrogate>;

Array potential_phi(const Potential& p, const Array& xi, int threads) {
    const Index rows = batch_rows("xi", xi, p.white());
    p.require_chains(rows);
    Array out(rows);
    over_lanes(
        rows, {&xi}, {&out}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            to[0].row(0) = p.work({first, count})->phi(in[0]);
        },
        p.threads());
    return out;
}

py::tuple potential_gradient(const Potential& p, const Array& xi, int threads) {
    require(p.has_gradient(), "the model has no gradient");
    const Index rows = batch_rows("xi", xi, p.white());
    p.require_chains(rows);
    Array values(rows), gradients({rows, p.white()});
    over_lanes(
        rows, {&xi}, {&values, &gradients}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            to[0].row(0) = p.work({first, count})->phi(in[0], to[1]);
        },
        p.threads());
    return py::make_tuple(values, gradients);
}

Array potential_gauss_newton(const Potential& p, const Array& xi, const Array& dxi, int threads) {
    require(p.has_tangent(), "the model has no tangent");
    const Index rows = batch_rows("xi", xi, p.white());
    p.require_chains(rows);
    require(batch_rows("dxi", dxi, p.white()) == rows, "both arguments must have ", rows, " rows");
    Array out({rows, p.white()});
    over_lanes(
        rows, {&xi, &dxi}, {&out}, threads,
        [&](Index first, Index count, const auto& in, auto& to) {
            const auto work = p.work({first, count});
            work->phi(in[0]);
            work->gauss_newton(in[1], to[0]);
        },
        p.threads());
    return out;
}

// The potential linearised at fixed points (rows, W): any number of Gauss-Newton products there,
// without solving the equation again.
class Linearised {
public:
    Linearised(SharedPotential potential, const Array& xi, int threads)
        : potential_(std::move(potential)), threads_(threads) {
        const Potential& p = *potential_;
        require(p.has_tangent(), "the model has no tangent");
        rows_ = batch_rows("xi", xi, p.white());
        blocks_.resize(static_cast<std::size_t>((rows_ + kLanes - 1) / kLanes));
        phi_ = Array(rows_);
        gradient_ = Array({rows_, p.white()});
        over_lanes(
            rows_, {&xi}, {&phi_, &gradient_}, threads_,
            [&](Index first, Index count, const auto& in, auto& to) {
                auto& block = blocks_[static_cast<std::size_t>(first / kLanes)];
                block = p.work({first, count});
                to[0].row(0) = block->phi(in[0], to[1]);
            },
            p.threads());
    }

    Array phi() const { return phi_; }
    Array gradient() const { return gradient_; }
    Array product(const Array& dxi) {
        const Potential& p = *potential_;
        require(batch_rows("dxi", dxi, p.white()) == rows_, "dxi must have ", rows_, " rows");
        Array out({rows_, p.white()});
        over_lanes(
            rows_, {&dxi}, {&out}, threads_,
            [&](Index first, Index, const auto& in, auto& to) {
                blocks_[static_cast<std::size_t>(first / kLanes)]->gauss_newton(in[0], to[0]);
            },
            p.threads());
        return out;
    }

private:
    SharedPotential potential_;
    int threads_;
    Index rows_ = 0;
    std::vector<std::unique_ptr<CurvedDensity>> blocks_;
    Array phi_, gradient_;
};

}  // namespace

void bind_density(py::module_& m) {
    py::class_<Surrogate, SharedSurrogate>(m, "Surrogate")
        .def(py::init([](const Array& centre, const Array& scale, double eta, double curvature) {
                 return std::make_shared<Surrogate>(to_vector(centre), to_vector(scale), eta,
                                                    curvature);
             }),
             "centre"_a, "scale"_a, "eta"_a, "curvature"_a);

    py::class_<Potential, SharedPotential>(m, "Potential")
        .def(py::init([](const AnyModel& model, const AnyPrior& prior, const Array& data,
                         const Array& noise_std, const std::optional<SharedSurrogate>& surrogate) {
                 return std::make_shared<Potential>(model, prior, to_matrix(data),
                                                    to_vector(noise_std),
                                                    surrogate.value_or(nullptr));
             }),
             "model"_a, "prior"_a, "data"_a, "noise_std"_a, "surrogate"_a = py::none(),
             "data: (1, m) for all chains, or (chains, m).")
        .def_property_readonly("white", &Potential::white)
        .def_property_readonly("parameters", &Potential::parameters)
        .def_property_readonly("data", [](const Potential& p) { return to_array(p.data()); })
        .def_property_readonly("precision",
                               [](const Potential& p) { return to_array(p.precision()); })
        .def_property_readonly("has_gradient", &Potential::has_gradient)
        .def_property_readonly("has_tangent", &Potential::has_tangent)
        .def("phi", &potential_phi, "xi"_a, "threads"_a = 0)
        .def("gradient", &potential_gradient, "xi"_a, "threads"_a = 0)
        .def("gauss_newton", &potential_gauss_newton, "xi"_a, "dxi"_a, "threads"_a = 0);

    py::class_<Linearised>(m, "Linearised")
        .def(py::init<SharedPotential, const Array&, int>(), "potential"_a.none(false), "xi"_a,
             "threads"_a = 0)
        .def_property_readonly("phi", &Linearised::phi)
        .def_property_readonly("gradient", &Linearised::gradient)
        .def("product", &Linearised::product, "dxi"_a);
}

}  // namespace m4dl::bind
