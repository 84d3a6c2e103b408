package advisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"pilotlight/models"
)

// The bounds of an explanation.
const (
	maxFacts     = 100
	maxFactText  = 600
	maxSentences = 12
	maxSentence  = 500
)

// Facts are what an explanation is made of, and nothing else.
type Facts struct {
	// Target and Group name what it is about, so that these names can be masked in the texts.
	Target models.TargetID
	Group  string
	// Question is what is to be explained, such as "Why are there 4 warm instances?".
	Question string
	Facts    []Fact
}

// Fact is a recorded reason with its numbers.
type Fact struct {
	// ID names the fact for whoever asks, such as the code of a reason and where it is recorded. It does not leave the process.
	ID   string
	Text string
}

// Explanation is a text of which every number is in the facts.
type Explanation struct {
	Sentences []Sentence
}

// Sentence is a sentence and the ids of the facts that it is made of.
type Sentence struct {
	Text  string
	Facts []string
}

// Text returns the sentences as one text.
func (e Explanation) Text() string {
	texts := make([]string, len(e.Sentences))
	for i, s := range e.Sentences {
		texts[i] = s.Text
	}
	return strings.Join(texts, " ")
}

// explainTask says what to do with facts.
const explainTask = `
Task: answer "question" in plain English for an operator, out of "facts" alone, in at most %d short sentences, the most important first.
- Each sentence lists in "facts" the ids of the facts that it is made of, at least one.
- Every number has to stand in one of these facts, in digits. You may round it, and write a share as a percentage; compute nothing: no sums, differences, ratios, counts or conversions of units, and write no numbers in words.
- Add no causes, advice or facts of your own, and no links. If the facts do not answer the question, say that they do not.`

// explanationShape is the shape of an explanation.
func explanationShape(ids []string) shape {
	return shape{kind: kindObject, fields: map[string]shape{
		"sentences": list(shape{kind: kindObject, fields: map[string]shape{
			"text": {kind: kindString}, "facts": list(shape{kind: kindString, enum: ids}),
		}}),
	}}
}

// factData is a fact as it is sent, and factsData all of them.
type factData struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

type factsData struct {
	Subject  string     `json:"subject,omitempty"`
	Question string     `json:"question"`
	Facts    []factData `json:"facts"`
}

// ExplanationPrompt returns what Explain would send, and sends nothing.
func (c *Client) ExplanationPrompt(f Facts) (Prompt, error) {
	q, _, _, err := c.explanationQuestion(&f)
	if err != nil {
		return Prompt{}, err
	}
	p, _, err := c.prompt(q)
	return p, err
}

// Explain puts facts into plain language. An answer with a number that is not in the facts that it cites is refused, after the
// configured repairs. Record and error are as those of Advise.
func (c *Client) Explain(ctx context.Context, f Facts) (Explanation, models.AdviceRecord, error) {
	q, n, data, err := c.explanationQuestion(&f)
	if err != nil {
		return Explanation{}, c.failed(PurposeExplanation, err), err
	}
	var out Explanation
	record, err := c.exchange(ctx, q, func(content string) (err error) {
		out, err = c.readExplanation(content, &f, n, &data)
		return err
	})
	if err != nil {
		return Explanation{}, record, err
	}
	return out, record, nil
}

func (c *Client) explanationQuestion(f *Facts) (question, *names, factsData, error) {
	if len(f.Facts) == 0 || len(f.Facts) > maxFacts {
		return question{}, nil, factsData{}, fmt.Errorf("explanation: there are %d facts, not 1 to %d: %w", len(f.Facts), maxFacts, models.ErrInvalid)
	}
	n := newNames(c.config.Prompt.MaskNames)
	if f.Target != "" {
		n.add(ref{target: f.Target})
	}
	if f.Group != "" {
		n.add(ref{group: f.Group})
	}
	data := factsData{Question: n.text(f.Question, maxFactText)}
	if len(n.order) > 0 {
		data.Subject = n.order[0]
	}
	ids := make([]string, len(f.Facts))
	for i, fact := range f.Facts {
		ids[i] = "F" + strconv.Itoa(i+1)
		data.Facts = append(data.Facts, factData{ID: ids[i], Text: n.text(fact.Text, maxFactText)})
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return question{}, nil, factsData{}, fmt.Errorf("explanation: %w", err)
	}
	return question{
		purpose: PurposeExplanation, task: fmt.Sprintf(explainTask, maxSentences), data: string(raw), answer: explanationShape(ids),
	}, n, data, nil
}

// readExplanation reads and checks an answer. It takes all of it or nothing: half of an explanation may say something else.
func (c *Client) readExplanation(content string, f *Facts, n *names, data *factsData) (Explanation, error) {
	v, err := strictJSON(c.bare(content))
	if err != nil {
		return Explanation{}, &replyError{why: err.Error()}
	}
	ids := make([]string, len(data.Facts))
	for i := range data.Facts {
		ids[i] = data.Facts[i].ID
	}
	if err := explanationShape(ids).check(v, "the answer"); err != nil {
		return Explanation{}, &replyError{why: err.Error()}
	}
	object, ok := v.(map[string]any)
	sentences := listOf(object, "sentences")
	if !ok || len(sentences) == 0 || len(sentences) > maxSentences {
		return Explanation{}, &replyError{why: fmt.Sprintf("it has %d sentences, not 1 to %d", len(sentences), maxSentences)}
	}
	var out Explanation
	for i, item := range sentences {
		sentence, ok := item.(map[string]any)
		if !ok {
			continue // the shape was checked
		}
		text, cited := oneLine(textOf(sentence, "text")), textsOf(sentence, "facts")
		if err := checkSentence(text, cited, data); err != nil {
			return Explanation{}, &replyError{why: fmt.Sprintf("sentences[%d]: %v", i, err)}
		}
		s := Sentence{Text: n.reveal(redact(text))}
		for _, id := range cited {
			if fact := &f.Facts[slices.Index(ids, id)]; !slices.Contains(s.Facts, fact.ID) {
				s.Facts = append(s.Facts, fact.ID)
			}
		}
		out.Sentences = append(out.Sentences, s)
	}
	return out, nil
}

// linkPattern finds links and markup, which have no place in a plain sentence.
var linkPattern = regexp.MustCompile("(?i)[<>`]|://|www\\.|\\]\\(|\\bjavascript:|\\bdata:")

// namedPattern finds ids of subjects and facts, whose digits are no numbers.
var namedPattern = regexp.MustCompile(`\b[TGF][1-9][0-9]{0,5}\b`)

// checkSentence says why a sentence is not one of the facts that it cites.
func checkSentence(text string, cited []string, data *factsData) error {
	switch {
	case text == "" || len(text) > maxSentence:
		return fmt.Errorf("it has %d bytes, not 1 to %d", len(text), maxSentence)
	case len(cited) == 0:
		return errors.New("it cites no fact")
	case linkPattern.MatchString(text):
		return errors.New("it holds a link or markup")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("it holds control characters")
	}
	sources := []string{}
	ids := []string{data.Subject}
	for _, fact := range data.Facts {
		if ids = append(ids, fact.ID); slices.Contains(cited, fact.ID) {
			// The digits of ids are no numbers there either.
			sources = append(sources, namedPattern.ReplaceAllString(fact.Text, ""))
			ids = append(ids, namedPattern.FindAllString(fact.Text, -1)...)
		}
	}
	plain := namedPattern.ReplaceAllStringFunc(text, func(id string) string {
		if slices.Contains(ids, id) {
			return ""
		}
		return id
	})
	if n := invented(plain, sources); n != "" {
		return fmt.Errorf("the number %s is in none of the facts that it cites", n)
	}
	return nil
}
