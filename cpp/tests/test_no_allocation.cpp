// A step of any kernel allocates nothing: every operator new after the start is counted.
#include <atomic>
#include <cstdlib>
#include <new>

#include "check.hpp"
#include "m4dl/mcmc/delayed_acceptance.hpp"
#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"
#include "m4dl/mcmc/run.hpp"
#include "m4dl/mcmc/ula.hpp"
#include "problems.hpp"

namespace {
std::atomic<long> allocations{0};
}

void* operator new(std::size_t size) {
    ++allocations;
    if (void* p = std::malloc(size)) return p;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t align) {
    ++allocations;
    const auto a = static_cast<std::size_t>(align);
    if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    ++allocations;
    return std::malloc(size);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

using namespace m4dl;

namespace {

const Grid kGrid = problems::square(6);

template <class K>
void check(const AnyModel& model, const AnyPrior& prior, const K& kernel,
           const std::shared_ptr<const Reference>& reference,
           const std::shared_ptr<const Surrogate>& surrogate = nullptr,
           const std::shared_ptr<const ErrorModel>& error = nullptr) {
    const Vector data = Vector::Constant(model.outputs(), 0.5),
                 noise = 0.1 * Vector::Ones(data.size());
    const auto potential =
        std::make_shared<const Potential>(model, prior, Matrix(data.transpose()), noise, surrogate);
    const auto run =
        make_run(potential, kernel, reference, 1, Matrix::Zero(kLanes, potential->white()), 1);
    std::vector<double> theta(kLanes * 3 * potential->parameters()), log_likelihood(kLanes * 3),
        energy(kLanes * 3);
    const auto diverging = std::make_unique<bool[]>(kLanes * 3);
    const Records to{theta.data(), log_likelihood.data(), energy.data(), diverging.get()};
    if (error) run->set_error_model(*error);
    run->set_adapting(true);
    run->advance(3, 1, to);
    // what adapts across chains meets after each step, in one `advance` of its own for the blocks
    if (std::is_same_v<K, Hmc>) run->set_adapting(false);

    // `advance` itself makes one vector for the exceptions of its blocks; a step makes none, so
    // 3 and 30 iterations allocate the same.
    auto count = [&](Index iterations) {
        const long before = allocations;
        run->advance(iterations, iterations / 3, to);
        return allocations - before;
    };
    const long few = count(3), many = count(30);
    CHECK(many == few);
}

template <class K>
void check_all(const K& kernel) {
    const AnyModel schrodinger = problems::schrodinger(kGrid), darcy = problems::darcy(kGrid);
    for (const AnyPrior& prior : problems::priors(kGrid)) {
        const Index white = prior.white();
        for (const auto& reference : problems::references(white)) {
            check(schrodinger, prior, kernel, reference);
            check(darcy, prior, kernel, reference);
        }
        // the start lies in the transition zone, r = 0.8
        const Vector scale = Vector::Constant(white, std::pow(static_cast<double>(white), -0.5));
        const auto surrogate =
            std::make_shared<const Surrogate>(Vector::Constant(white, 0.8), scale, 1.0, 10.0);
        check(schrodinger, prior, kernel, nullptr, surrogate);
    }
}

// Darcy's equation, proposed for by Schroedinger's, with an error model.
template <class K>
void check_delayed(const K& inner) {
    const Vector data = Vector::Constant(3, 0.5), std = 0.1 * data;
    const AnyPrior prior = problems::diagonal_prior(kGrid.node_count());
    const AnyModel coarse = problems::schrodinger(kGrid), fine = problems::darcy(kGrid);
    const Matrix row = data.transpose();
    const auto proposing = std::make_shared<const Potential>(coarse, prior, row, std);
    const auto error = std::make_shared<const ErrorModel>(
        Vector(0.1 * data), Matrix::Identity(3, 2), Vector::Constant(2, 0.5));
    check(fine, prior, DelayedAcceptance<K>{proposing, inner, 3}, nullptr, nullptr, error);
    check(fine, prior, DelayedAcceptance<K>{proposing, inner, 3},
          std::make_shared<const Reference>(Vector::Ones(prior.white())), nullptr, error);
}

// Iterative solvers: more unknowns than aggregation factors, so that there are cycles.
template <class K>
void check_solvers(const K& kernel) {
    using Kind = SolverOptions::Kind;
    const Grid grid = problems::square(24);
    const AnyPrior prior = problems::diagonal_prior(grid.node_count());
    for (const Kind kind : {Kind::kMultigrid, Kind::kFrozen, Kind::kAggregation}) {
        const SolverOptions options{kind, 1e-8};
        check(problems::schrodinger(grid, options), prior, kernel, nullptr);
        check(problems::darcy(grid, options), prior, kernel, nullptr);
    }
}

}  // namespace

int main() {
    check_all(Pcn{0.1, 0.25});
    check_all(Pcn{0.1, 0.25, 2});
    check_all(Mala{1e-4, 0.57});
    check_all(InfinityMala{1e-4, 0.57});
    check_all(InfinityMala{1e-4, 0.57, 2});
    check_all(Ula{1e-4});
    check_all(Hmc{1e-2, 0.03, 8, 0.8});
    check_solvers(Mala{1e-4, 0.57});
    check_delayed(Pcn{0.1, 0.25});
    check_delayed(Mala{1e-4, 0.57});
    check_delayed(InfinityMala{1e-4, 0.57});
    check_delayed(Hmc{1e-2, 0.03, 8, 0.0});
    return 0;
}
