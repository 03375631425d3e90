#include "m4dl/solve/elliptic_solver.hpp"

#include "m4dl/linalg/diffusion.hpp"
#include "m4dl/linalg/screened_poisson.hpp"
#include "m4dl/linalg/single_range.hpp"

namespace m4dl {
namespace {

constexpr int kMostCycles = 60;
constexpr Index kWorthThreads = 128 * 128;  // unknowns from which one solve feeds several threads

class PotentialSolver final : public EllipticSolver {
public:
    PotentialSolver(const BoxProblem& box, double tolerance)
        : grid_(box.axes, 0.5, box.line_start), tolerance_(tolerance) {}

    std::string name() const override { return "multigrid"; }
    bool wants_guess() const override { return true; }
    bool threaded() const override { return grid_.unknowns() >= kWorthThreads; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

private:
    struct Work final : EllipticSolver::Work {
        explicit Work(const PotentialSolver& s) : solver(s), fields(s.grid_.workspace()) {}
        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector> guess) override {
            solver.grid_.set(c, fields);
            for (std::size_t r = 0; r < rhs.size(); ++r)
                solve(rhs[r], guess.empty() ? nullptr : &guess[r]);
        }
        void solve(Block& x) override { solve(x, nullptr); }
        void solve(Block& x, const Vector* guess) {
            const SingleRange range(x);
            solver.grid_.solve(x, guess, range.factor(), solver.tolerance_, kMostCycles, fields);
            range.undo(x);
        }
        Lanes iterations() const override { return fields.cycles; }

        const PotentialSolver& solver;
        ScreenedPoisson::Workspace fields;
    };

    ScreenedPoisson grid_;
    double tolerance_;
};

class DiffusionSolver final : public EllipticSolver {
public:
    DiffusionSolver(const BoxProblem& box, double tolerance)
        : grid_(box.axes), tolerance_(tolerance) {}

    std::string name() const override { return "multigrid"; }
    bool threaded() const override { return grid_.unknowns() >= kWorthThreads; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

private:
    struct Work final : EllipticSolver::Work {
        explicit Work(const DiffusionSolver& s) : solver(s), fields(s.grid_.workspace()) {}
        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector>) override {
            solver.grid_.set(c, fields);
            for (Block& x : rhs) solve(x);
        }
        void solve(Block& x) override {
            const SingleRange range(x);
            solver.grid_.solve(x, solver.tolerance_, kMostCycles, fields);
            range.undo(x);
        }
        Lanes iterations() const override { return fields.cg.iterations; }

        const DiffusionSolver& solver;
        Diffusion::Workspace fields;
    };

    Diffusion grid_;
    double tolerance_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> multigrid_solver(const BoxProblem& box, double tolerance) {
    if (box.kind == BoxProblem::Kind::kDiffusion)
        return std::make_shared<DiffusionSolver>(box, tolerance);
    return std::make_shared<PotentialSolver>(box, tolerance);
}

}  // namespace m4dl
