// Threads change nothing: blocks of chains side by side, pieces of one field, and runs that share a
// potential give the numbers of one thread, bit for bit. Under the thread sanitizer (preset
// `sanitize-threads`) the same loops show that no two threads meet at one number.
#include <random>
#include <thread>

#include "check.hpp"
#include "m4dl/mcmc/delayed_acceptance.hpp"
#include "m4dl/mcmc/hmc.hpp"
#include "m4dl/mcmc/infinity_mala.hpp"
#include "m4dl/mcmc/mala.hpp"
#include "m4dl/mcmc/pcn.hpp"
#include "m4dl/mcmc/run.hpp"
#include "m4dl/mcmc/ula.hpp"
#include "m4dl/model/attenuated_xray.hpp"
#include "m4dl/model/non_abelian_xray.hpp"
#include "m4dl/model/xray.hpp"
#include "m4dl/prior/interpolated.hpp"
#include "problems.hpp"

using namespace m4dl;
using Kind = SolverOptions::Kind;
using SharedPotential = std::shared_ptr<const Potential>;

namespace {

constexpr int kThreads = 4;
constexpr Index kSeveralBlocks = 3 * kLanes - 2;  // the last one with idle lanes
constexpr Index kOneBlock = kLanes;
// Cells along an axis such that one field of unknowns is worth several threads (2^14 rows of lanes).
constexpr Index kLargeSquare = 130, kLargeCube = 27;

SharedPotential potential(const AnyModel& model, const AnyPrior& prior) {
    const Vector data = Vector::Constant(model.outputs(), 0.5);
    return std::make_shared<const Potential>(model, prior, Matrix(data.transpose()),
                                             Vector(0.1 * Vector::Ones(data.size())));
}

// What a run leaves behind after some steps with adaptation and some without.
struct Left {
    std::vector<double> theta;
    RunState state;
};

template <class K>
Left left(const SharedPotential& p, const K& kernel, const problems::SharedReference& reference,
          Index chains, int threads, Index steps) {
    const auto run = make_run(p, kernel, reference, 1, Matrix::Zero(chains, p->white()), threads);
    Left out;
    out.theta.resize(static_cast<std::size_t>(chains * steps * p->parameters()));
    run->set_adapting(true);
    run->advance(steps, 1, {});
    run->set_adapting(false);
    run->advance(steps, 1, {.theta = out.theta.data()});
    out.state = run->state();
    return out;
}

bool same(const Left& a, const Left& b) { return a.theta == b.theta && a.state == b.state; }

template <class K>
void check_run(const SharedPotential& p, const K& kernel,
               const problems::SharedReference& reference = nullptr, Index chains = kSeveralBlocks,
               Index steps = 3) {
    CHECK(same(left(p, kernel, reference, chains, 1, steps),
               left(p, kernel, reference, chains, kThreads, steps)));
}

// Blocks side by side.
template <class K>
void check_blocks(const K& kernel) {
    const Grid grid = problems::square(6);
    const AnyModel schrodinger = problems::schrodinger(grid);
    for (const AnyPrior& prior : problems::priors(grid))
        for (const auto& reference : problems::references(prior.white()))
            check_run(potential(schrodinger, prior), kernel, reference);
    check_run(potential(problems::darcy(grid), problems::diagonal_prior(grid.node_count())),
              kernel);
}

// The prepared factor and the grids are shared by all blocks.
void check_solvers() {
    const Grid grid = problems::square(24);
    const AnyPrior prior = problems::diagonal_prior(grid.node_count());
    for (const Kind kind : {Kind::kDirect, Kind::kMultigrid, Kind::kFrozen, Kind::kAggregation}) {
        const SolverOptions options{kind, 1e-8};
        check_run(potential(problems::schrodinger(grid, options), prior), Mala{1e-4, 0.57});
        check_run(potential(problems::darcy(grid, options), prior), Mala{1e-4, 0.57});
    }
}

template <class K>
void check_delayed(const K& inner) {
    const Grid grid = problems::square(6);
    const AnyPrior prior = problems::diagonal_prior(grid.node_count());
    const auto coarse = potential(problems::schrodinger(grid), prior);
    check_run(potential(problems::darcy(grid), prior), DelayedAcceptance<K>{coarse, inner, 3});
}

// One block, all threads inside: every kernel's loops over the rows of a field.
template <class K>
void check_pieces(const K& kernel) {
    const Grid grid = problems::square(kLargeSquare);
    const auto p = potential(problems::schrodinger(grid, {Kind::kMultigrid, 1e-6}),
                             problems::spectral_prior(kLargeSquare + 1));
    CHECK(p->threads() == Threads::kInsideBlocks);
    for (const auto& reference : problems::references(p->white()))
        check_run(p, kernel, reference, kOneBlock, 1);
}

// Phi, its gradient, and the Gauss-Newton product where there is one, at a point of one block.
std::vector<Block> evaluated(const SharedPotential& p, int threads) {
    const auto work = p->work({0, kLanes});
    Block xi = Block::Zero(p->white(), kLanes), product = xi, gradient = xi, phi(1, kLanes);
    Random(1, 0).normals(Stream::kStart, 0, xi);
    xi *= 0.1;
    parallel_for(
        1, threads,
        [&](Index) {
            phi.row(0) = work->phi(xi, gradient);
            if (p->has_tangent()) work->gauss_newton(xi, product);
        },
        Threads::kInsideBlocks);
    return {phi, gradient, product};
}

void check_evaluation(const AnyModel& model, const AnyPrior& prior) {
    const auto p = potential(model, prior);
    const auto alone = evaluated(p, 1), together = evaluated(p, kThreads);
    CHECK(alone[0].allFinite());
    for (std::size_t k = 0; k < alone.size(); ++k) CHECK((alone[k] == together[k]).all());
}

void check_large_solvers() {
    for (const Grid& grid : {problems::square(kLargeSquare), problems::cube(kLargeCube)}) {
        const AnyPrior prior = problems::diagonal_prior(grid.node_count());
        for (const Kind kind : {Kind::kMultigrid, Kind::kFrozen, Kind::kAggregation}) {
            // a Cholesky factor in space is not worth its time here
            if (kind == Kind::kFrozen && grid.dim() == 3) continue;
            const SolverOptions options{kind, 1e-6};
            check_evaluation(problems::schrodinger(grid, options), prior);
            check_evaluation(problems::darcy(grid, options), prior);
        }
    }
}

void check_large_priors() {
    const Grid grid = problems::square(kLargeSquare);
    const AnyModel model = problems::schrodinger(grid, {Kind::kMultigrid, 1e-6});
    for (const AnyPrior& prior : problems::priors(grid)) check_evaluation(model, prior);
    std::vector<Entry> entries;
    for (Index k = 0; k < grid.node_count(); ++k) entries.push_back({k, k / 2, 1.0});
    const SparseRows doubled(grid.node_count(), grid.node_count(), entries);
    const AnyPrior inner = problems::diagonal_prior(grid.node_count());
    check_evaluation(model, AnyPrior(std::make_shared<const InterpolatedPrior>(inner, doubled)));
}

// Rays through random nodes, three at each of the two points of a step.
void check_rays() {
    constexpr Index kRays = 600, kSteps = 8, kNodes = 9000, kEntries = 2 * 3 * kSteps * kRays;
    std::mt19937 rng(3);
    std::uniform_int_distribution<Index> any(0, kNodes - 1);
    std::vector<Index> first, node;
    for (Index ray = 0; ray <= kRays; ++ray) first.push_back(kSteps * ray);
    for (Index k = 0; k < kEntries; ++k) node.push_back(any(rng));
    const Paths paths(first, std::vector<double>(kSteps * kRays, 0.1), kNodes, node,
                      std::vector<double>(kEntries, 1.0 / 3.0));
    using Group = NonAbelianXRay::Group;
    const AnyModel models[] = {
        AnyModel(std::make_shared<const XRay>(paths)),
        AnyModel(std::make_shared<const AttenuatedXRay>(
            paths, Vector::Constant(Paths::kPoints * paths.steps(), 0.3))),
        AnyModel(std::make_shared<const UnknownAttenuationXRay>(paths, Link{})),
        AnyModel(std::make_shared<const NonAbelianXRay>(paths, Group::kSo3, 3)),
        AnyModel(std::make_shared<const NonAbelianXRay>(paths, Group::kSu2, 2)),
        AnyModel(std::make_shared<const NonAbelianXRay>(paths, Group::kSoN, 4))};
    for (const AnyModel& model : models) {
        const AnyPrior prior = problems::diagonal_prior(model.parameters());
        check_evaluation(model, prior);
        check_run(potential(model, prior), Mala{1e-4, 0.57}, nullptr, kSeveralBlocks, 1);
    }
}

// Threads of the user's, each with a run of its own over the same potential.
void check_runs_side_by_side() {
    const Grid grid = problems::square(24);
    const auto p =
        potential(problems::schrodinger(grid, {Kind::kFrozen, 1e-8}), problems::spectral_prior(25));
    const Mala kernel{1e-4, 0.57};
    const Left alone = left(p, kernel, nullptr, kSeveralBlocks, 1, 3);
    std::vector<Left> found(3);
    std::vector<std::thread> users;
    for (Left& one : found)
        users.emplace_back([&] { one = left(p, kernel, nullptr, kSeveralBlocks, 2, 3); });
    for (std::thread& user : users) user.join();
    for (const Left& one : found) CHECK(same(one, alone));
}

// The first exception of the blocks comes out after all have ended.
void check_exceptions() {
    std::vector<int> done(50, 0);
    try {
        parallel_for(50, kThreads, [&](Index k) {
            done[k] = 1;
            require(k % 7 != 3, "block ", k);
        });
        CHECK(false);
    } catch (const std::invalid_argument& error) {
        CHECK(std::string(error.what()) == "block 3");
    }
    for (const int one : done) CHECK(one == 1);
}

}  // namespace

int main() {
    check_exceptions();
    check_blocks(Pcn{0.1, 0.25});
    check_blocks(Pcn{0.1, 0.25, 2});
    check_blocks(Mala{1e-4, 0.57});
    check_blocks(InfinityMala{1e-4, 0.57});
    check_blocks(InfinityMala{1e-4, 0.57, 2});
    check_blocks(Ula{1e-4});
    check_blocks(Hmc{1e-2, 0.03, 8, 0.8});
    check_solvers();
    check_delayed(Pcn{0.1, 0.25});
    check_delayed(Mala{1e-4, 0.57});
    check_delayed(Hmc{1e-2, 0.03, 8, 0.0});
    check_pieces(Pcn{0.1, 0.25});
    check_pieces(Mala{1e-4, 0.57});
    check_pieces(InfinityMala{1e-4, 0.57});
    check_pieces(Ula{1e-4});
    check_pieces(Hmc{1e-2, 0.03, 8, 0.8});
    check_large_solvers();
    check_large_priors();
    check_rays();
    check_runs_side_by_side();
    return 0;
}
