#include "m4dl/solve/elliptic_solver.hpp"

#include "m4dl/base/parallel.hpp"

namespace m4dl {
namespace {

using SharedSolver = std::shared_ptr<const EllipticSolver>;

class GuardedSolver final : public EllipticSolver {
public:
    GuardedSolver(SharedSolver fast, SharedSolver careful, Definite definite)
        : fast_(std::move(fast)), careful_(std::move(careful)), definite_(definite) {}

    std::string name() const override { return fast_->name(); }
    bool wants_guess() const override { return fast_->wants_guess(); }
    bool threaded() const override { return fast_->threaded(); }
    std::unique_ptr<EllipticSolver::Work> work() const override {
        return std::make_unique<Work>(*this);
    }

private:
    struct Work final : EllipticSolver::Work {
        explicit Work(const GuardedSolver& s)
            : definite(s.definite_), fast(s.fast_->work()), careful(s.careful_->work()) {}

        // Each of the two solves all lanes: lanes do not meet, so what is not asked for does no harm.
        void solve(const Block& c, std::span<Block> rhs, std::span<const Vector> guess) override {
            doubted = doubtful(definite, c);
            if (all()) return careful->solve(c, rhs, {});
            if (any()) {
                copies.assign(rhs.begin(), rhs.end());
                careful->solve(c, copies, {});
            }
            fast->solve(c, rhs, guess);
            if (any())
                for (std::size_t r = 0; r < rhs.size(); ++r) merge(rhs[r], copies[r]);
        }
        void solve(Block& x) override {
            if (all()) return careful->solve(x);
            if (!any()) return fast->solve(x);
            copies.assign(1, x);
            careful->solve(copies[0]);
            fast->solve(x);
            merge(x, copies[0]);
        }
        Lanes iterations() const override {
            return (doubted != 0.0).select(careful->iterations(), fast->iterations());
        }

        bool any() const { return (doubted != 0.0).any(); }
        bool all() const { return (doubted != 0.0).all(); }
        void merge(Block& x, const Block& other) const {
            for_rows(x.rows(),
                     [&](Index k) { x.row(k) = (doubted != 0.0).select(other.row(k), x.row(k)); });
        }

        Definite definite;
        std::unique_ptr<EllipticSolver::Work> fast, careful;
        Lanes doubted = Lanes::Zero();
        std::vector<Block> copies;
    };

    SharedSolver fast_, careful_;
    Definite definite_;
};

}  // namespace

std::shared_ptr<const EllipticSolver> guarded_solver(SharedSolver fast, SharedSolver careful,
                                                     Definite definite) {
    return std::make_shared<GuardedSolver>(std::move(fast), std::move(careful), definite);
}

}  // namespace m4dl
