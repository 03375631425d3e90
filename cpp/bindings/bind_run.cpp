// Runs of chains.
#include "m4dl/mcmc/run.hpp"

#include "arrays.hpp"
#include "kernels.hpp"
#include "m4dl/base/philox.hpp"
#include "m4dl/mcmc/delayed_acceptance.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;
using SharedPotential = std::shared_ptr<Potential>;
using SharedReference = std::shared_ptr<Reference>;

// A caller's output array: C-contiguous and of exactly so many T, or None.
template <class T>
T* output(const char* name, const std::optional<py::array>& a, Index size) {
    if (!a) return nullptr;
    const bool fits = py::isinstance<py::array_t<T>>(*a) && a->size() == size && a->writeable() &&
                      (a->flags() & py::array::c_style);
    require(fits, name, " must be a writeable C-contiguous ",
            std::is_same_v<T, bool> ? "bool" : "float64", " array of ", size, " numbers");
    return static_cast<T*>(const_cast<void*>(a->data()));
}

Array white_noise(Stream stream, std::uint64_t seed, Index chains, Index white) {
    Array out({chains, white});
    double* to = out.mutable_data();
    Block xi = Block::Zero(white, kLanes);
    for (Index first = 0; first < chains; first += kLanes) {
        Random(seed, first).normals(stream, 0, xi);
        store_lanes(xi, first, std::min(kLanes, chains - first), to);
    }
    return out;
}

template <class Body>
Matrix released(Body&& body) {
    const Released release;
    return body();
}

template <class K>
DelayedAcceptance<K> delayed(const Delayed& d, const K& inner, const Potential& fine,
                             Index chains) {
    require(d.coarse->white() == fine.white(), "the coarse posterior has ", d.coarse->white(),
            " white noises, the fine one ", fine.white());
    require(!K::kGradient || d.coarse->has_gradient(),
            "this kernel needs a gradient, and the coarse model has none");
    d.coarse->require_chains(chains);
    return {d.coarse, inner, d.steps};
}

std::unique_ptr<Run> run(const AnyKernel& kernel, const SharedPotential& potential,
                         const SharedReference& metric, std::uint64_t seed, const Array& start,
                         int threads) {
    const Matrix x = to_matrix(start);
    potential->require_chains(x.rows());
    auto make = [&](const auto& k) {
        const Released release;
        return make_run(potential, k, metric, seed, x, threads);
    };
    if (const auto* d = std::get_if<Delayed>(&kernel))
        return std::visit([&](const auto& k) { return make(delayed(*d, k, *potential, x.rows())); },
                          d->kernel);
    return std::visit(
        [&](const auto& k) -> std::unique_ptr<Run> {
            if constexpr (!std::is_same_v<decltype(k), const Delayed&>) return make(k);
            return nullptr;
        },
        kernel);
}

}  // namespace

void bind_run(py::module_& m) {
    py::class_<Run>(m, "Run")
        .def(
            "advance",
            [](Run& run, Index iterations, Index thin, const std::optional<py::array>& theta,
               const std::optional<py::array>& log_likelihood,
               const std::optional<py::array>& energy, const std::optional<py::array>& diverging) {
                require(thin > 0, "thin must be positive, got ", thin);
                const Index draws = run.chains() * (iterations / thin);
                const Records to{output<double>("theta", theta, draws * run.parameters()),
                                 output<double>("log_likelihood", log_likelihood, draws),
                                 output<double>("energy", energy, draws),
                                 output<bool>("diverging", diverging, draws)};
                const Released release;
                run.advance(iterations, thin, to);
            },
            "iterations"_a, "thin"_a = 1, "theta"_a = py::none(), "log_likelihood"_a = py::none(),
            "energy"_a = py::none(), "diverging"_a = py::none())
        .def_property("adapting", &Run::adapting, &Run::set_adapting)
        .def_property_readonly("solver", &Run::solver)
        .def_property_readonly("chains", &Run::chains)
        .def_property_readonly("white", &Run::white)
        .def_property_readonly("parameters", &Run::parameters)
        .def_property_readonly("iteration", &Run::iteration)
        .def_property_readonly("largest_step_size", &Run::largest_step_size)
        .def(
            "report",
            [](const Run& r) {
                std::map<std::string, Array> out;
                for (const auto& [name, values] : r.report()) out[name] = to_array(values);
                return out;
            },
            "Counters and settings, (chains) each, by the names that the kernel gives.")
        .def(
            "position", [](const Run& r) { return to_array(r.position()); },
            "(chains, W), in the prior's white noise.")
        .def(
            "set_metric",
            [](Run& r, SharedReference metric) {
                const Released release;
                r.set_reference(std::move(metric));
            },
            "metric"_a, "Go on in another metric, with step sizes that begin anew.")
        .def(
            "predictions",
            [](Run& r) { return to_array(released([&] { return r.predictions(); })); },
            "(chains, m): of the model where the chains are.")
        .def(
            "discrepancy",
            [](Run& r) { return to_array(released([&] { return r.discrepancy(); })); },
            "(chains, m): fine minus coarse predictions where the chains are.")
        .def(
            "set_error_model",
            [](Run& r, const Array& mean, const Array& basis, const Array& weight) {
                const ErrorModel error(to_vector(mean), to_matrix(basis), to_vector(weight));
                const Released release;
                r.set_error_model(error);
            },
            "mean"_a, "basis"_a, "weight"_a)
        .def("state",
             [](const Run& r) {
                 std::map<std::string, Array> out;
                 for (const auto& [name, value] : r.state()) out[name] = to_array(value);
                 return out;
             })
        .def(
            "restore",
            [](Run& r, const std::map<std::string, Array>& state) {
                RunState values;
                for (const auto& [name, value] : state) values[name] = to_matrix(value);
                r.restore(values);
            },
            "state"_a);

    m.def("run", &run, "kernel"_a, "potential"_a.none(false), py::kw_only(), "metric"_a.none(true),
          "seed"_a, "start"_a, "threads"_a);
    m.def(
        "initial_white_noise",
        [](std::uint64_t seed, Index chains, Index white) {
            return white_noise(Stream::kStart, seed, chains, white);
        },
        "seed"_a, "chains"_a, "white"_a,
        "White noise (chains, white) that belongs to the seed and the chain alone.");
    m.def(
        "prior_white_noise",
        [](std::uint64_t seed, Index count, Index white) {
            return white_noise(Stream::kPrior, seed, count, white);
        },
        "seed"_a, "count"_a, "white"_a,
        "White noise (count, white), independent of the chains of the same seed.");
}

}  // namespace m4dl::bind
