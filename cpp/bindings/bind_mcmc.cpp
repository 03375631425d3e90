// Potentials, kernels and runs.
#include "arrays.hpp"
#include "m4dl/mcmc/delayed_acceptance.hpp"
#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"
#include "m4dl/mcmc/run.hpp"
#include "m4dl/mcmc/ula.hpp"

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;
using SharedPotential = std::shared_ptr<Potential>;

using SharedReference = std::shared_ptr<Reference>;
using SharedSurrogate = std::shared_ptr<Surrogate>;

template <class K>
std::unique_ptr<AnyRun> make_run(const SharedPotential& potential, K kernel,
                                 const SharedReference& reference, std::uint64_t seed,
                                 const Array& start, int threads) {
    const Matrix x = to_matrix(start);
    potential->require_chains(x.rows());
    const Released release;
    return std::make_unique<Run<K>>(potential, std::move(kernel), reference, seed, x, threads);
}

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

Integers counts(const Vector& of) {
    Integers out(of.size());
    for (Index k = 0; k < of.size(); ++k) out.mutable_data()[k] = static_cast<std::int64_t>(of[k]);
    return out;
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

// A delayed run for each inner kernel.
template <class Inner>
std::unique_ptr<AnyRun> make_delayed(const SharedPotential& potential,
                                     const SharedPotential& coarse, Index steps, Inner inner,
                                     const SharedReference& reference, std::uint64_t seed,
                                     const Array& start, int threads) {
    require(coarse->white() == potential->white(), "the coarse posterior has ", coarse->white(),
            " white noises, the fine one ", potential->white());
    require(!Inner::kGradient || coarse->has_gradient(),
            "this kernel needs a gradient, and the coarse model has none");
    require(steps > 0, "steps must be at least 1, got ", steps);
    coarse->require_chains(start.shape(0));
    return make_run(potential, DelayedAcceptance<Inner>{coarse, std::move(inner), steps}, reference,
                    seed, start, threads);
}

void bind_delayed(py::module_& m) {
    m.def(
        "delayed_pcn",
        [](const SharedPotential& p, const SharedPotential& coarse, Index steps, double beta,
           double target, const SharedReference& metric, std::uint64_t seed, const Array& start,
           int threads) {
            return make_delayed(p, coarse, steps, Pcn{beta, target}, metric, seed, start, threads);
        },
        "potential"_a.none(false), "coarse"_a.none(false), "steps"_a, "beta"_a, "target"_a,
        "metric"_a.none(true), "seed"_a, "start"_a, "threads"_a);
    m.def(
        "delayed_mala",
        [](const SharedPotential& p, const SharedPotential& coarse, Index steps, double step_size,
           double target, bool implicit, const SharedReference& metric, std::uint64_t seed,
           const Array& start, int threads) {
            if (implicit)
                return make_delayed(p, coarse, steps, InfinityMala{step_size, target}, metric, seed,
                                    start, threads);
            return make_delayed(p, coarse, steps, Mala{step_size, target}, metric, seed, start,
                                threads);
        },
        "potential"_a.none(false), "coarse"_a.none(false), "steps"_a, "step_size"_a, "target"_a,
        "implicit"_a, "metric"_a.none(true), "seed"_a, "start"_a, "threads"_a);
    m.def(
        "delayed_hmc",
        [](const SharedPotential& p, const SharedPotential& coarse, Index steps, double step_size,
           double trajectory, Index most, const SharedReference& metric, std::uint64_t seed,
           const Array& start, int threads) {
            return make_delayed(p, coarse, steps, Hmc{step_size, trajectory, most, 0.0}, metric,
                                seed, start, threads);
        },
        "potential"_a.none(false), "coarse"_a.none(false), "steps"_a, "step_size"_a, "trajectory"_a,
        "most"_a, "metric"_a.none(true), "seed"_a, "start"_a, "threads"_a);
}

}  // namespace

void bind_mcmc(py::module_& m) {
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

    py::class_<Reference, SharedReference>(m, "Reference")
        .def_property_readonly("white", &Reference::white)
        .def(
            "push",
            [](const Reference& r, const Array& z) {
                const Index rows = batch_rows("z", z, r.white());
                Array out({rows, r.white()});
                over_lanes(rows, {&z}, {&out}, 1, [&](Index, Index, const auto& in, auto& to) {
                    auto work = r.workspace();
                    r.push(in[0], to[0], work);
                });
                return out;
            },
            "z"_a, "xi = m + C^{1/2} z, (rows, W).");
    m.def(
        "diagonal_reference",
        [](const Array& variance) { return std::make_shared<Reference>(to_vector(variance)); },
        "variance"_a, "xi = variance^{1/2} z.");
    m.def(
        "low_rank_reference",
        [](const Array& centre, const Array& basis, const Array& variance) {
            return std::make_shared<Reference>(to_vector(centre), to_matrix(basis),
                                               to_vector(variance));
        },
        "centre"_a, "basis"_a, "variance"_a,
        "xi = centre + (I + V (variance^{1/2} - 1) V') z, V = basis with orthonormal columns.");

    py::class_<AnyRun>(m, "Run")
        .def(
            "advance",
            [](AnyRun& run, Index iterations, Index thin, const std::optional<py::array>& theta,
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
        .def_property("adapting", &AnyRun::adapting, &AnyRun::set_adapting)
        .def_property_readonly("solver", &AnyRun::solver)
        .def_property_readonly("chains", &AnyRun::chains)
        .def_property_readonly("white", &AnyRun::white)
        .def_property_readonly("parameters", &AnyRun::parameters)
        .def_property_readonly("iteration", &AnyRun::iteration)
        .def_property_readonly("proposals", [](const AnyRun& r) { return to_array(r.proposals()); })
        .def_property_readonly("accepted", [](const AnyRun& r) { return to_array(r.accepted()); })
        .def_property_readonly("failures", [](const AnyRun& r) { return counts(r.failures()); })
        .def_property_readonly("divergences",
                               [](const AnyRun& r) { return counts(r.divergences()); })
        .def_property_readonly("largest_step_size", &AnyRun::largest_step_size)
        .def_property_readonly("step_size", [](const AnyRun& r) { return to_array(r.step_size()); })
        .def_property_readonly("solver_iterations",
                               [](const AnyRun& r) { return to_array(r.solver_iterations()); })
        .def_property_readonly("trajectory", &AnyRun::trajectory)
        .def_property_readonly("evaluations", &AnyRun::evaluations)
        .def_property_readonly("solves", &AnyRun::solves)
        .def_property_readonly("coarse_solves", &AnyRun::coarse_solves)
        .def_property_readonly("coarse_accepted",
                               [](const AnyRun& r) { return to_array(r.coarse_accepted()); })
        .def_property_readonly("coarse_failures",
                               [](const AnyRun& r) { return to_array(r.coarse_failures()); })
        .def(
            "position", [](const AnyRun& r) { return to_array(r.position()); },
            "(chains, W), in the prior's white noise.")
        .def(
            "set_metric",
            [](AnyRun& r, SharedReference metric) {
                const Released release;
                r.set_reference(std::move(metric));
            },
            "metric"_a, "Go on in another metric, with step sizes that begin anew.")
        .def(
            "predictions",
            [](AnyRun& r) { return to_array(released([&] { return r.predictions(); })); },
            "(chains, m): of the model where the chains are.")
        .def(
            "discrepancy",
            [](AnyRun& r) { return to_array(released([&] { return r.discrepancy(); })); },
            "(chains, m): fine minus coarse predictions where the chains are.")
        .def(
            "set_error_model",
            [](AnyRun& r, const Array& mean, const Array& basis, const Array& weight) {
                const ErrorModel error(to_vector(mean), to_matrix(basis), to_vector(weight));
                const Released release;
                r.set_error_model(error);
            },
            "mean"_a, "basis"_a, "weight"_a)
        .def("state",
             [](const AnyRun& r) {
                 std::map<std::string, Array> out;
                 for (const auto& [name, value] : r.state()) out[name] = to_array(value);
                 return out;
             })
        .def(
            "restore",
            [](AnyRun& r, const std::map<std::string, Array>& state) {
                RunState values;
                for (const auto& [name, value] : state) values[name] = to_matrix(value);
                r.restore(values);
            },
            "state"_a);

    m.def(
        "run_pcn",
        [](const SharedPotential& p, double beta, double target, Index safeguard,
           const SharedReference& metric, std::uint64_t seed, const Array& start, int threads) {
            require(safeguard >= 0, "safeguard must not be negative, got ", safeguard);
            return make_run(p, Pcn{beta, target, safeguard}, metric, seed, start, threads);
        },
        "potential"_a.none(false), "beta"_a, "target"_a, "safeguard"_a, "metric"_a.none(true),
        "seed"_a, "start"_a, "threads"_a, "target = 0: no adaptation; safeguard = 0: none.");
    m.def(
        "run_mala",
        [](const SharedPotential& p, double step_size, double target, bool implicit,
           Index safeguard, const SharedReference& metric, std::uint64_t seed, const Array& start,
           int threads) {
            if (implicit)
                return make_run(p, InfinityMala{step_size, target, safeguard}, metric, seed, start,
                                threads);
            return make_run(p, Mala{step_size, target}, metric, seed, start, threads);
        },
        "potential"_a.none(false), "step_size"_a, "target"_a, "implicit"_a, "safeguard"_a,
        "metric"_a.none(true), "seed"_a, "start"_a, "threads"_a,
        "safeguard: of the implicit step alone; 0: none.");
    m.def(
        "run_ula",
        [](const SharedPotential& p, double step_size, const SharedReference& metric,
           std::uint64_t seed, const Array& start,
           int threads) { return make_run(p, Ula{step_size}, metric, seed, start, threads); },
        "potential"_a.none(false), "step_size"_a, "metric"_a.none(true), "seed"_a, "start"_a,
        "threads"_a);
    m.def(
        "run_hmc",
        [](const SharedPotential& p, double step_size, double trajectory, Index most, double target,
           const SharedReference& metric, std::uint64_t seed, const Array& start, int threads) {
            return make_run(p, Hmc{step_size, trajectory, most, target}, metric, seed, start,
                            threads);
        },
        "potential"_a.none(false), "step_size"_a, "trajectory"_a, "most"_a, "target"_a,
        "metric"_a.none(true), "seed"_a, "start"_a, "threads"_a);
    bind_delayed(m);
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
