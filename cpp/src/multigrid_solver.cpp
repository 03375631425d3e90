#include "m4dl/linalg/screened_poisson.hpp"
#include "m4dl/model/elliptic_solver.hpp"

namespace m4dl {
namespace {

constexpr int kMostCycles = 60;
constexpr Index kWorthThreads = 128 * 128;  // unknowns from which one solve feeds several threads

class PotentialSolver final : public EllipticSolver {
public:
    PotentialSolver(const BoxProblem& box, double tolerance)
        : grid_(box.axes, 0.5), parameter_(box.parameter), tolerance_(tolerance) {}

    std::string name() const override { return "multigrid"; }
    bool threaded() const override { return grid_.unknowns() >= kWorthThreads; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

private:
    struct Work final : EllipticSolver::Work {
        explicit Work(const PotentialSolver& s) : solver(s), fields(s.grid_.workspace()) {}
        void solve(const Block& c, std::span<Block> rhs) override {
            solver.grid_.set(c, solver.parameter_, fields);
            for (Block& x : rhs) solve(x);
        }
        void solve(Block& x) override {
            solver.grid_.solve(x, solver.tolerance_, kMostCycles, fields);
        }
        Lanes iterations() const override { return fields.cycles; }

        const PotentialSolver& solver;
        ScreenedPoisson::Workspace fields;
    };

    ScreenedPoisson grid_;
    std::vector<Index> parameter_;
    double tolerance_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> multigrid_solver(const BoxProblem& box, double tolerance) {
    return std::make_shared<PotentialSolver>(box, tolerance);
}

}  // namespace m4dl
