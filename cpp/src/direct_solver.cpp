#include "m4dl/solve/elliptic_solver.hpp"

#include "m4dl/linalg/cholesky.hpp"

namespace m4dl {
namespace {

class DirectSolver final : public EllipticSolver {
public:
    DirectSolver(SharedOperator a, const Matrix& coordinates)
        : a_(std::move(a)),
          symbolic_(std::make_shared<Symbolic>(analyse(a_->pattern(), coordinates))) {}

    std::string name() const override { return "direct"; }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

private:
    struct Work final : EllipticSolver::Work {
        explicit Work(const DirectSolver& s)
            : a(s.a_),
              factor(s.symbolic_),
              values(a->values()),
              scratch(Block::Zero(a->size(), kLanes)) {}

        // The forward substitution rides along with the factorisation.
        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector>) override {
            a->assemble(c, values);
            double* data[kMostAtOnce];
            const std::size_t riding = std::min(rhs.size(), kMostAtOnce);
            for (std::size_t r = 0; r < riding; ++r) {
                factor.to_elimination_order(rhs[r], scratch);
                data[r] = rhs[r].data();
            }
            factor.factor(values.data(), {data, riding});
            for (std::size_t r = 0; r < rhs.size(); ++r)
                r < riding ? factor.half_solve(rhs[r], scratch) : factor.solve(rhs[r], scratch);
        }
        void solve(Block& rhs) override { factor.solve(rhs, scratch); }

        static constexpr std::size_t kMostAtOnce = 16;
        SharedOperator a;
        Cholesky<kLanes> factor;
        Block values, scratch;
    };

    SharedOperator a_;
    std::shared_ptr<const Symbolic> symbolic_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> direct_solver(SharedOperator a, const Matrix& coordinates) {
    return std::make_shared<DirectSolver>(std::move(a), coordinates);
}

}  // namespace m4dl
