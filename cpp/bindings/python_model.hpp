// A user's Python function as a forward model: called once per chain, or once per block of chains
// when it is batched. What it raises reaches the user with its own traceback and the chain's number.
#pragma once

#include <functional>

#include "arrays.hpp"
#include "m4dl/model/concept.hpp"

namespace m4dl::bind {

class PythonModel {
public:
    struct Workspace {
        Chains chains;
        Block theta;  // of the last forward: what `gradient` is taken at
    };

    PythonModel(py::function forward, py::object gradient, Index parameters, Index outputs,
                bool batched)
        : forward_(std::move(forward)),
          gradient_(std::move(gradient)),
          parameters_(parameters),
          outputs_(outputs),
          batched_(batched),
          has_gradient_(!gradient_.is_none()) {}

    Index parameters() const { return parameters_; }
    Index outputs() const { return outputs_; }
    bool has_pull() const { return has_gradient_; }
    Workspace workspace(Chains chains) const { return {chains, Block::Zero(parameters_, kLanes)}; }

    void forward(const Block& theta, Block& y, Workspace& w) const {
        w.theta = theta;
        const py::gil_scoped_acquire gil;
        call(forward_, "forward", w.chains, {&theta}, y);
    }
    void pull(const Block& dy, Block& dtheta, Workspace& w) const {
        const py::gil_scoped_acquire gil;
        call(gradient_, "gradient", w.chains, {&w.theta, &dy}, dtheta);
    }

private:
    void call(const py::object& function, const char* name, Chains chains,
              const std::vector<const Block*>& arguments, Block& out) const {
        out = lanes_nan().replicate(out.rows(), 1);  // idle lanes
        const Index calls = batched_ ? 1 : chains.count;
        for (Index k = 0; k < calls; ++k) {
            const Index rows = batched_ ? chains.count : 1;
            py::tuple inputs(arguments.size());
            for (std::size_t a = 0; a < arguments.size(); ++a)
                inputs[a] = copy(*arguments[a], k, rows);
            try {
                const auto raw = py::cast<py::array>(function(*inputs));
                if (std::string("iufb").find(raw.dtype().kind()) == std::string::npos)
                    fail(PyExc_TypeError, std::string(name) +
                                              " must return real numbers, got dtype " +
                                              py::str(raw.dtype()).cast<std::string>());
                const auto result = py::cast<Array>(raw);
                const bool fits = batched_ ? result.ndim() == 2 && result.shape(0) == rows &&
                                                 result.shape(1) == out.rows()
                                           : result.ndim() == 1 && result.shape(0) == out.rows();
                if (!fits) {
                    const std::string expected = batched_ ? "(" + std::to_string(rows) + ", " +
                                                                std::to_string(out.rows()) + ")"
                                                          : "(" + std::to_string(out.rows()) + ",)";
                    fail(PyExc_ValueError, std::string(name) + " must return shape " + expected +
                                               ", got " +
                                               py::str(result.attr("shape")).cast<std::string>());
                }
                for (Index lane = 0; lane < rows; ++lane)
                    out.col(k + lane) =
                        Eigen::Map<const Vector>(result.data() + lane * out.rows(), out.rows());
            } catch (py::error_already_set& error) {
                error.value().attr("add_note")(where(name, chains, k, rows));
                throw;
            }
        }
    }

    // As a Python exception, so that it gets its note like those of the user's own.
    [[noreturn]] static void fail(PyObject* type, const std::string& message) {
        py::set_error(type, message.c_str());
        throw py::error_already_set();
    }

    // (size,) or, batched, (rows, size): a copy the user's function may keep or change.
    py::object copy(const Block& block, Index lane, Index rows) const {
        Array out = batched_ ? Array({rows, block.rows()}) : Array(block.rows());
        for (Index r = 0; r < rows; ++r)
            Eigen::Map<Vector>(out.mutable_data() + r * block.rows(), block.rows()) =
                block.col(lane + r).matrix();
        return out;
    }

    static std::string where(const char* name, Chains chains, Index lane, Index rows) {
        const Index first = chains.first + lane;
        std::string text = std::string("raised by the model's ") + name + " function for chain";
        if (rows == 1) return text + " " + std::to_string(first);
        return text + "s " + std::to_string(first) + " to " + std::to_string(first + rows - 1);
    }

    py::function forward_;
    py::object gradient_;
    Index parameters_, outputs_;
    bool batched_, has_gradient_;
};

static_assert(ForwardModel<PythonModel> && HasPull<PythonModel>);

}  // namespace m4dl::bind
